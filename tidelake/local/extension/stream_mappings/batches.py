"""What a Kinesis mapping does with the records of one shard: batches, retries, bisection, discards.

The rules are those of the AWS Lambda developer guide: "Process Amazon Kinesis Data Streams records
with Lambda", "Retain discarded batch records" and "Configuring partial batch response".
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
"""A record as MiniStack keeps it, under the names of GetRecords; its data is base64."""

MAX_PAYLOAD_BYTES = 6 * 2**20
RECORD_OVERHEAD_BYTES = 512
"""What a record takes in an event besides its data in base64, at most, as far as we count."""

RETRY_SECONDS = 1.0

EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"
"""Conditions of a failure record. The Lambda developer guide shows the first alone; the second is
LocalStack's word for it."""


@dataclass(frozen=True, kw_only=True)
class MappingOptions:
    """The options of a mapping that have to do with batches; -1 means no limit."""

    batch_size: int = 100
    window_seconds: int = 0
    bisect: bool = False
    maximum_retries: int = -1
    maximum_age_seconds: int = -1
    parallelization: int = 1
    partial_responses: bool = False

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> MappingOptions:
        """From MiniStack's mapping, where CloudFormation leaves numbers and booleans as text."""
        return cls(
            batch_size=int(mapping.get("BatchSize", 100)),
            window_seconds=int(mapping.get("MaximumBatchingWindowInSeconds", 0)),
            bisect=str(mapping.get("BisectBatchOnFunctionError", False)).lower() == "true",
            maximum_retries=int(mapping.get("MaximumRetryAttempts", -1)),
            maximum_age_seconds=int(mapping.get("MaximumRecordAgeInSeconds", -1)),
            parallelization=int(mapping.get("ParallelizationFactor", 1)),
            partial_responses="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        )


@dataclass
class Batch:
    """Records that go to the function together, and how often they went."""

    records: Sequence[Record]
    retries: int = 0
    invocations: int = 0


@dataclass(frozen=True)
class Discarded:
    """A batch that is given up, and why."""

    batch: Batch
    condition: str


class ShardWork:
    """One mapping's work on one shard: batches are taken in order, and each is settled before the
    next ones are taken. No record is left out but those that are discarded."""

    def __init__(self, after: str = "") -> None:
        """`after` is the sequence number that was taken last; nothing stands for the beginning."""
        self._after = after
        self._pending: deque[Batch] = deque()
        self._waiting_since: float | None = None
        self._due = 0.0

    def next_batch(
        self, records: Sequence[Record], options: MappingOptions, now: float
    ) -> Batch | None:
        """The batch to hand to the function now; `records` are all that the shard holds."""
        if not self._pending:
            self._take(records, options, now)
        if not self._pending or now < self._due:
            return None
        return self._pending[0]

    def is_drained(self, records: Sequence[Record]) -> bool:
        """Whether everything that the shard holds was settled."""
        return not self._pending and not self._untaken(records)

    def expire(self, options: MappingOptions, now: float) -> Discarded | None:
        """Give up the current batch if its first record is too old."""
        if not self._pending or options.maximum_age_seconds < 0:
            return None
        batch = self._pending[0]
        age = now - float(batch.records[0]["ApproximateArrivalTimestamp"])
        if age <= options.maximum_age_seconds:
            return None
        self._pending.popleft()
        return Discarded(batch, TOO_OLD)

    def succeed(self) -> None:
        """The current batch is done."""
        self._pending.popleft()

    def fail(
        self, options: MappingOptions, now: float, *, first_failed: str | None = None
    ) -> Discarded | None:
        """The current batch failed, from the record `first_failed` on if the function said so.

        Where records before that one are done, the rest goes on as a batch of its own. Otherwise
        the batch is halved, which takes no retry, or retried, or given up.
        """
        batch = self._pending.popleft()
        numbers = [record["SequenceNumber"] for record in batch.records]
        done = numbers.index(first_failed) if first_failed in numbers else 0
        self._due = now + RETRY_SECONDS
        if done:
            self._pending.appendleft(Batch(batch.records[done:], batch.retries))
        elif options.bisect and len(batch.records) > 1:
            half = len(batch.records) // 2
            self._pending.appendleft(Batch(batch.records[half:], batch.retries))
            self._pending.appendleft(Batch(batch.records[:half], batch.retries))
            self._due = now
        elif 0 <= options.maximum_retries <= batch.retries:
            self._due = now
            return Discarded(batch, EXHAUSTED)
        else:
            batch.retries += 1
            self._pending.appendleft(batch)
        return None

    def _take(self, records: Sequence[Record], options: MappingOptions, now: float) -> None:
        untaken = self._untaken(records)
        if not untaken:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = now
        count, is_full = _fitting(untaken, options.batch_size)
        if not is_full and now - self._waiting_since < options.window_seconds:
            return
        taken = untaken[:count]
        self._after = taken[-1]["SequenceNumber"]
        self._waiting_since = None
        self._pending.extend(Batch(lane) for lane in _lanes(taken, options.parallelization))

    def _untaken(self, records: Sequence[Record]) -> Sequence[Record]:
        return [record for record in records if record["SequenceNumber"] > self._after]


def _fitting(records: Sequence[Record], batch_size: int) -> tuple[int, bool]:
    """How many records the next batch takes, and whether waiting could make it no larger."""
    size = 0
    for count, record in enumerate(records):
        size += len(record["Data"]) + RECORD_OVERHEAD_BYTES
        if count and size > MAX_PAYLOAD_BYTES:
            return count, True
        if count + 1 == batch_size:
            return batch_size, True
    return len(records), False


def _lanes(records: Sequence[Record], parallelization: int) -> list[list[Record]]:
    """The records in batches of which each has all records of its keys, in order."""
    lanes: dict[int, list[Record]] = {}
    for record in records:
        digest = hashlib.md5(record["PartitionKey"].encode(), usedforsecurity=False).digest()
        lanes.setdefault(int.from_bytes(digest) % parallelization, []).append(record)
    return list(lanes.values())
