"""Entry point: looks after unfinished batches, and for raw objects that no batch has."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambda_src.batches.chunks import chunks
from lambda_src.batches.clients import Clients
from lambda_src.batches.following import Following
from lambda_src.batches.queue import Queue
from lambda_src.batches.table import BatchTable
from lambda_src.sweep.raw_objects import arrived_objects
from lambda_src.telemetry import log, publish
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.manifest import RawObject
from tidelake.contract.metrics import Metric
from tidelake.contract.settings import SweepSettings
from tidelake.contract.trigger_messages import objects_body, submit_body

_OBJECTS_A_MESSAGE = 100
"""At most 1,024 bytes a key, so that a message stays far below SQS's limit of 256 KiB."""
_COMPARED_AT_ONCE = 1_000


def handler(_event: Mapping[str, Any], _context: object) -> None:
    """Sweep once; errors are raised at the end, and the next sweep starts anew.

    EMR's events are sent at best effort, and a message may be lost on the way to a queue: what the
    other two functions are told of is here looked for. Everything that it asks for may be asked
    for twice. EMR is asked last, so that what needs no EMR is found while it does not answer.
    """
    sweep = _following()
    submitted = list(sweep.table.batches(BatchState.SUBMITTED))
    recorded = list(sweep.table.batches(BatchState.RECORDED))
    resubmitted = _ask_for_steps(sweep, recorded)
    forgotten = _ask_for_objects(sweep)
    overdue = sum(1 for batch in [*submitted, *recorded] if _is_overdue(sweep, batch))
    followed = sweep.follow_each(submitted)
    counts = {
        **followed.counts,
        Metric.OBJECTS_FORGOTTEN: forgotten,
        Metric.BATCHES_OVERDUE: overdue,
    }
    log(
        "swept",
        submitted=len(submitted),
        recorded=len(recorded),
        resubmitted=resubmitted,
        forgotten=forgotten,
        overdue=overdue,
        unfollowed=len(followed.failed),
    )
    publish(counts, environment=sweep.settings.environment)
    followed.require_all()


def _ask_for_steps(sweep: Following[SweepSettings], recorded: list[Batch]) -> int:
    """Ask the trigger for the steps of batches whose own messages may be lost; how many."""
    queue = _queue(sweep)
    idle = [batch for batch in recorded if batch.lease_until < sweep.table.now()]
    for batch in idle:
        queue.send(submit_body(batch.batch_id, batch.attempt))
    return len(idle)


def _ask_for_objects(sweep: Following[SweepSettings]) -> int:
    """Hand the trigger the raw objects of the look-back that nobody has claimed; how many."""
    settings = sweep.settings
    now = datetime.fromtimestamp(sweep.table.now(), UTC)
    arrived = arrived_objects(
        sweep.clients.s3,
        settings.lake_bucket,
        since=now - timedelta(hours=settings.look_back_hours),
        until=now - timedelta(minutes=settings.forgotten_minutes),
    )
    queue, forgotten = _queue(sweep), 0
    for objects in chunks(_unclaimed(sweep.table, arrived), _OBJECTS_A_MESSAGE):
        queue.send(objects_body(objects))
        forgotten += len(objects)
    return forgotten


def _unclaimed(table: BatchTable, arrived: Iterator[RawObject]) -> Iterator[RawObject]:
    """Objects without a claim, or whose claimant died before it wrote their batch down."""
    for some in chunks(arrived, _COMPARED_AT_ONCE):
        claims = table.claims_of(some)
        batches = table.batches_of(claim.batch_id for claim in claims.values())
        for raw_object in some:
            claim = claims.get(raw_object)
            if claim is None or (claim.batch_id not in batches and claim.lease_until < table.now()):
                yield raw_object


def _is_overdue(sweep: Following[SweepSettings], batch: Batch) -> bool:
    return sweep.table.now() - batch.updated_at > sweep.settings.overdue_minutes * 60


def _queue(sweep: Following[SweepSettings]) -> Queue:
    return Queue(sweep.clients.sqs, sweep.settings.queue_url)


@functools.cache
def _following() -> Following[SweepSettings]:
    return Following.of(SweepSettings.from_env(os.environ), Clients())
