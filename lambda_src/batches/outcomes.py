"""What becomes of a batch when its step has ended.

EMR's events say only when to look: what a batch's step is really in is asked of EMR, so that an
event that is late, doubled or out of order changes nothing, and the sweep, which hears of none,
comes to the same end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambda_src.batches.emr_steps import EmrSteps
from lambda_src.batches.manifests import Manifests
from lambda_src.batches.queue import Queue
from lambda_src.batches.table import BatchTable
from lambda_src.telemetry import log
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.manifest import Manifest
from tidelake.contract.metrics import Metric
from tidelake.contract.steps import CURATE
from tidelake.contract.trigger_messages import retry_body, submit_body

MOST_ATTEMPTS = 10
"""Attempts of one batch until it is set aside, those that ended with their cluster included."""
MOST_SPLITS = 3
"""So that a batch that fails as a whole becomes at most eight."""
_LONGEST_DELAY_SECONDS = 900
"""The most by which SQS delays a message."""
_GONE = {"State": "INTERRUPTED", "FailureDetails": {"Reason": "EMR no longer knows the step"}}
_UNFINISHED = ("PENDING", "CANCEL_PENDING", "RUNNING")

Counts = dict[Metric, int]


class Outcomes:
    """Follows batches to their end: done, tried again, halved, or set aside."""

    def __init__(
        self,
        *,
        table: BatchTable,
        steps: EmrSteps,
        manifests: Manifests,
        queue: Queue,
        dead_letters: Queue,
        most_failures: int,
        retry_seconds: int,
    ) -> None:
        self._table = table
        self._steps = steps
        self._manifests = manifests
        self._queue = queue
        self._dead_letters = dead_letters
        self._most_failures = most_failures
        self._retry_seconds = retry_seconds

    def started(self, batch: Batch, cluster_id: str, step_id: str) -> Batch | None:
        """Note the step of a batch whose trigger did not come to it; None where it just did."""
        return self._table.save(
            replace(batch, state=BatchState.SUBMITTED, cluster_id=cluster_id, step_id=step_id)
        )

    def follow(self, batch: Batch) -> Counts:
        """Look at a submitted batch's step, and act if it has ended; what is to be counted.

        Whoever writes the new state first acts and counts; another who saw the same does neither.
        """
        status = self._steps.status(batch.cluster_id, batch.step_id)
        if status is None:
            status = _GONE
        state = status["State"]
        if state in _UNFINISHED:
            return {}
        if state == "COMPLETED":
            return self._complete(batch)
        reason = _reason(status)
        ended = replace(
            batch,
            reason=reason,
            failures=batch.failures + (state == "FAILED"),
            interruptions=batch.interruptions + (state != "FAILED"),
        )
        step = {"batch": batch.batch_id, "attempt": batch.attempt, "step": batch.step_id}
        log("step did not complete", level="ERROR", **step, state=state, why=reason)
        counts = self._go_on(ended)
        return {Metric.STEPS_FAILED: 1, **counts} if counts is not None else {}

    def _complete(self, batch: Batch) -> Counts:
        # Read first: what fails after the batch is done is not counted another time.
        result = self._manifests.result(batch.batch_id) if batch.job == CURATE else {}
        if self._table.save(replace(batch, state=BatchState.DONE, reason="")) is None:
            return {}
        counts: Counts = {Metric.STEPS_COMPLETED: 1}
        for name, metric in (
            ("events", Metric.EVENTS_CURATED),
            ("duplicates", Metric.EVENTS_DUPLICATE),
            ("quarantined", Metric.ROWS_QUARANTINED),
            ("unreadable", Metric.OBJECTS_UNREADABLE),
        ):
            if name in result:
                counts[metric] = result[name]
        return counts

    def _go_on(self, batch: Batch) -> Counts | None:
        """The next attempt, or what takes its place; None where another was first."""
        if batch.job != CURATE:
            # The schedule runs it again, and tables that were not maintained are still right.
            done = self._table.save(replace(batch, state=BatchState.DONE))
            return None if done is None else {}
        if batch.failures + batch.interruptions >= MOST_ATTEMPTS:
            return self._set_aside(batch)
        if batch.failures < self._most_failures:
            return self._try_again(batch)
        if batch.splits < MOST_SPLITS and batch.objects > 1:
            return self._split(batch)
        return self._set_aside(batch)

    def _try_again(self, batch: Batch) -> Counts | None:
        following = self._table.save(next_attempt(batch, self._table.now()))
        if following is None:
            return None
        self._ask_for(following)
        return {Metric.BATCHES_RETRIED: 1}

    def _split(self, batch: Batch) -> Counts | None:
        """Put two batches of half the objects in its place; they are written before it is left.

        A half that cannot be tried more often than it fails comes to its own end sooner.
        """
        manifest = self._manifests.read(batch.batch_id)
        if manifest is None:
            return self._set_aside(replace(batch, reason=f"{batch.reason}; its manifest is gone"))
        halves = [self._half(batch, part) for part in manifest.halves()]
        if self._table.save(replace(batch, state=BatchState.SPLIT)) is None:
            return None
        for half in halves:
            self._ask_for(half)
        return {Metric.BATCHES_RETRIED: len(halves)}

    def _half(self, whole: Batch, manifest: Manifest) -> Batch:
        now = self._table.now()
        half = Batch(
            batch_id=manifest.batch_id,
            job=whole.job,
            state=BatchState.RECORDED,
            attempt=1,
            failures=self._most_failures - 1,
            splits=whole.splits + 1,
            objects=len(manifest.objects),
            cluster_id="",
            owner=whole.owner,
            lease_until=0,
            recorded_at=now,
            updated_at=now,
            reason=whole.reason,
        )
        self._manifests.put(manifest)
        # It may be there already, where an earlier split was cut short.
        self._table.save(half)
        return half

    def _set_aside(self, batch: Batch) -> Counts | None:
        """Leave a message that, moved back to the trigger's queue, tries the batch again.

        It is sent first: one too many is for a batch that was not set aside, and does nothing.
        """
        self._dead_letters.set_aside(
            retry_body(batch.batch_id, batch.reason), f"batch was set aside: {batch.reason}"
        )
        if self._table.save(replace(batch, state=BatchState.SET_ASIDE)) is None:
            return None
        return {Metric.BATCHES_SET_ASIDE: 1}

    def _ask_for(self, batch: Batch) -> None:
        delay = min(_LONGEST_DELAY_SECONDS, self._retry_seconds * 2 ** (batch.attempt - 1))
        self._queue.send(submit_body(batch.batch_id, batch.attempt), delay_seconds=delay)


def next_attempt(batch: Batch, now: int) -> Batch:
    """The batch, to be submitted again under its next name, which no cluster has a step of yet."""
    return replace(
        batch,
        state=BatchState.RECORDED,
        attempt=batch.attempt + 1,
        cluster_id="",
        step_id="",
        lease_until=0,
        recorded_at=now,
    )


def _reason(status: Mapping[str, Any]) -> str:
    """Why a step ended so: EMR's word and the log, not the job's message, which may hold data."""
    details = status.get("FailureDetails", {})
    words = [status["State"], details.get("Reason", ""), details.get("LogFile", "")]
    return " ".join(word for word in words if word)
