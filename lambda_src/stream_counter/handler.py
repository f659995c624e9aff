"""Entry point: a batch of records of one shard in, counts of its events out."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lambda_src.stream_counter.counting import UnreadableRecordError, kinds_in
from lambda_src.telemetry import log, publish_events
from tidelake.contract.settings import StreamCounterSettings


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Publish how many events of each source and type the batch holds, aggregated ones included.

    Each event is counted at least once: a batch that Lambda hands over again counts again. At the
    first record that holds something else, what comes before is published and the rest reported as
    failed. A batch that begins with such a record is an error, upon which Lambda halves it until
    that record is alone, and then sets it aside; so its neighbours are counted.
    """
    records = event["Records"]
    counts: Counter[tuple[str, str]] = Counter()
    done = 0
    for record in records:
        try:
            kinds = kinds_in(record["kinesis"]["data"])
        except UnreadableRecordError as error:
            if done == 0:
                log("record is unreadable", level="ERROR", reason=str(error), record=_id(record))
                raise
            break
        counts.update(kinds)
        done += 1
    publish_events(counts, environment=_settings().environment)
    log("batch counted", records=done, failed=len(records) - done, events=counts.total())
    return {
        "batchItemFailures": [{"itemIdentifier": number} for number in _numbers(records[done:])]
    }


def _numbers(failed: list[Mapping[str, Any]]) -> list[str]:
    """The first one: Lambda tries everything from there on again."""
    return [record["kinesis"]["sequenceNumber"] for record in failed[:1]]


def _id(record: Mapping[str, Any]) -> str:
    """Shard and sequence number."""
    return str(record["eventID"])


@functools.cache
def _settings() -> StreamCounterSettings:
    return StreamCounterSettings.from_env(os.environ)
