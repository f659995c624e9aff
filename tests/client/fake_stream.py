"""A data stream in memory that refuses what AWS refuses, and fails when told to."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from tidelake.client.transport import Outcome, Page, Position, ReceivedRecord, Record, Shard
from tidelake.contract.errors import TransportError

MIB = 1024 * 1024
KEY_SPACE = 2**128
ITERATOR_SECONDS = 300.0


@dataclass
class FakeClock:
    """A clock that moves only when somebody sleeps."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """As `Condition.wait`, but for a time that passes at once."""
        if seconds is None:
            condition.wait()
        else:
            self.sleep(seconds)


@dataclass
class FakeShard:
    """Keys whose MD5 lies in [low, high) and the records under them."""

    shard_id: str
    low: int
    high: int
    parents: tuple[str, ...] = ()
    closed: bool = False
    records: list[ReceivedRecord] = field(default_factory=list)


class FakeStream:
    """One data stream, `shards` wide, as both transports see it.

    `fail_record(attempt)` gives the error code of the record that is the stream's attempt-th ever,
    or None; `fail_calls` are raised, one a call, before anything else happens.
    """

    def __init__(
        self,
        name: str = "events",
        *,
        shards: int = 2,
        clock: FakeClock | None = None,
        fail_record: Callable[[int], str | None] = lambda _attempt: None,
        max_record_bytes: int = MIB,
        max_call_bytes: int = 10 * MIB,
        page_records: int = 10_000,
    ) -> None:
        self.name = name
        self.clock = FakeClock() if clock is None else clock
        self.fail_record = fail_record
        self.fail_calls: list[TransportError] = []
        self.calls: list[list[Record]] = []
        self.iterators_given: list[tuple[str, Position]] = []
        self.reads: list[tuple[str, float]] = []
        self.left: list[str] = []
        self.attempts = 0
        self._max_record_bytes = max_record_bytes
        self._max_call_bytes = max_call_bytes
        self._page_records = page_records
        self._sequence = 0
        self._shards: list[FakeShard] = []
        bounds = [KEY_SPACE * index // shards for index in range(shards + 1)]
        for low, high in pairwise(bounds):
            self._add_shard(low, high, ())

    # What the producer sees

    def put_records(self, stream: str, records: Sequence[Record]) -> list[Outcome]:
        self._check_call("PutRecords", stream)
        self._check_limits(records)
        self.calls.append(list(records))
        return [self._put(record) for record in records]

    # What the consumer sees

    def list_shards(self, stream: str) -> list[Shard]:
        self._check_call("ListShards", stream)
        return [
            Shard(shard.shard_id, shard.parents, shard.closed, shard.high - 1)
            for shard in self._shards
        ]

    def shard_iterator(self, stream: str, shard_id: str, position: Position) -> str:
        self._check_call("GetShardIterator", stream)
        self.iterators_given.append((shard_id, position))
        records = self._shard(shard_id).records
        if position.type == "TRIM_HORIZON":
            index = 0
        elif position.type == "LATEST":
            index = len(records)
        elif position.sequence_number is not None:
            numbers = [record.sequence_number for record in records]
            index = bisect_left(numbers, position.sequence_number)
            index += position.type == "AFTER_SEQUENCE_NUMBER"
        else:
            assert position.timestamp is not None
            if position.timestamp.timestamp() > self.clock():
                code = "InvalidArgumentException"
                raise TransportError("GetShardIterator", stream, code, retryable=False)
            index = bisect_left([record.arrived for record in records], position.timestamp)
        return self._iterator(shard_id, index)

    def get_records(self, stream: str, shard_id: str, iterator: str) -> Page:
        self._check_call("GetRecords", stream)
        self.reads.append((shard_id, self.clock()))
        given_for, index_text, given_at = iterator.split("/")
        assert given_for == shard_id
        if self.clock() - float(given_at) > ITERATOR_SECONDS:
            raise TransportError("GetRecords", stream, "ExpiredIteratorException", retryable=False)
        shard = self._shard(shard_id)
        index = int(index_text)
        records = shard.records[index : index + self._page_records]
        # An empty page after the last record ends a closed shard.
        ended = shard.closed and index == len(shard.records)
        index += len(records)
        behind = 1_000 if index < len(shard.records) else 0
        return Page(records, None if ended else self._iterator(shard_id, index), behind)

    def leave_shard(self, shard_id: str) -> None:
        self.left.append(shard_id)

    # What a test does to it

    def split(self, shard_id: str) -> tuple[str, str]:
        parent = self._shard(shard_id)
        parent.closed = True
        middle = (parent.low + parent.high) // 2
        return (
            self._add_shard(parent.low, middle, (shard_id,)),
            self._add_shard(middle, parent.high, (shard_id,)),
        )

    def merge(self, first_id: str, second_id: str) -> str:
        first, second = self._shard(first_id), self._shard(second_id)
        assert first.high == second.low
        first.closed = second.closed = True
        return self._add_shard(first.low, second.high, (first_id, second_id))

    def stored(self) -> list[bytes]:
        return [record.data for shard in self._shards for record in shard.records]

    def shard_ids(self) -> list[str]:
        return [shard.shard_id for shard in self._shards]

    # Inside

    def _check_call(self, operation: str, stream: str) -> None:
        if self.fail_calls:
            raise self.fail_calls.pop(0)
        if stream != self.name:
            code = "ResourceNotFoundException"
            raise TransportError(operation, stream, code, retryable=False)

    def _check_limits(self, records: Sequence[Record]) -> None:
        sizes = [len(data) + len(key.encode()) for data, key in records]
        fits = (
            1 <= len(records) <= 500
            and all(1 <= len(key) <= 256 for _, key in records)
            and max(sizes) <= self._max_record_bytes
            and sum(sizes) <= self._max_call_bytes
        )
        if not fits:
            raise TransportError("PutRecords", self.name, "ValidationException", retryable=False)

    def _put(self, record: Record) -> Outcome:
        self.attempts += 1
        error_code = self.fail_record(self.attempts)
        if error_code is not None:
            return Outcome(error_code, "", "")
        self._sequence += 1
        number = f"{self._sequence:020}"
        point = int.from_bytes(hashlib.md5(record.partition_key.encode()).digest())  # noqa: S324 - Kinesis hashes keys by MD5
        for shard in self._shards:
            if not shard.closed and shard.low <= point < shard.high:
                arrived = datetime.fromtimestamp(self.clock(), UTC)
                shard.records.append(
                    ReceivedRecord(
                        record.data, record.partition_key, number, shard.shard_id, arrived
                    )
                )
                return Outcome(None, shard.shard_id, number)
        raise AssertionError("open shards cover the key space")

    def _add_shard(self, low: int, high: int, parents: tuple[str, ...]) -> str:
        shard_id = f"shardId-{len(self._shards):012}"
        self._shards.append(FakeShard(shard_id, low, high, parents))
        return shard_id

    def _shard(self, shard_id: str) -> FakeShard:
        return next(shard for shard in self._shards if shard.shard_id == shard_id)

    def _iterator(self, shard_id: str, index: int) -> str:
        return f"{shard_id}/{index}/{self.clock()}"
