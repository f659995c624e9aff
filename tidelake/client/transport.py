"""What the client needs of a data stream: protocols that boto3, a test or a faster client fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, overload

HASH_KEYS = 2**128
"""How many hash keys there are: MD5 values (Kinesis API reference, HashKeyRange)."""


class Record(NamedTuple):
    """What goes on a data stream: a blob, and the key whose MD5 chooses the shard."""

    data: bytes
    partition_key: str


class Outcome(NamedTuple):
    """What became of one record: stored if `error_code` is None, else not stored."""

    error_code: str | None
    shard_id: str
    sequence_number: str


class Shard(NamedTuple):
    """A shard; `closed` after a split or merge, which gave it children. Up to two parents.

    Its keys are those whose MD5 is at most `ending_hash_key` and beyond that of the shard before.
    """

    shard_id: str
    parents: tuple[str, ...]
    closed: bool
    ending_hash_key: int = HASH_KEYS - 1


class AllStored(Sequence[Outcome]):
    """Outcomes of a call that stored every record. They are read from the reply when looked at."""

    def __init__(self, count: int, read: Callable[[], Sequence[Outcome]]) -> None:
        self._count = count
        self._read = read
        self._outcomes: Sequence[Outcome] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Outcome]: ...
    def __getitem__(self, index: int | slice) -> Outcome | Sequence[Outcome]:
        if self._outcomes is None:
            self._outcomes = self._read()
        return self._outcomes[index]


class PutTransport(Protocol):
    """The way in."""

    def put_records(self, stream: str, records: Sequence[Record]) -> Sequence[Outcome]:
        """Put up to 500 records, 10 MiB with their keys; one outcome for each, in order.

        Raises TransportError if the whole call failed; then any of them may be stored or not.
        """

    def list_shards(self, stream: str) -> Sequence[Shard]:
        """Every shard that still holds records, open or closed. Raises TransportError."""


class Position(NamedTuple):
    """Where in a shard to begin; `type` is a ShardIteratorType of Kinesis."""

    type: str
    sequence_number: str | None = None
    timestamp: datetime | None = None

    @classmethod
    def after(cls, sequence_number: str) -> Position:
        return cls("AFTER_SEQUENCE_NUMBER", sequence_number=sequence_number)

    @classmethod
    def at_record(cls, sequence_number: str) -> Position:
        """That very record, such as an aggregated one that is done in part."""
        return cls("AT_SEQUENCE_NUMBER", sequence_number=sequence_number)

    @classmethod
    def at(cls, timestamp: datetime) -> Position:
        """The first record that arrived at or after an aware timestamp."""
        return cls("AT_TIMESTAMP", timestamp=timestamp)


TRIM_HORIZON = Position("TRIM_HORIZON")
LATEST = Position("LATEST")


class ReceivedRecord(NamedTuple):
    """A record as it came from the stream, or one of those that were packed into it."""

    data: bytes
    partition_key: str
    sequence_number: str
    shard_id: str
    arrived: datetime
    sub_sequence: int | None = None
    """Its place among those that were packed into one record; None for a plain record."""


class Page(NamedTuple):
    """One answer of GetRecords: up to 10,000 records or 10 MiB, in the order of the shard.

    An empty page may come before the tip. `next_iterator` is None at the end of a closed shard.
    """

    records: Sequence[ReceivedRecord]
    next_iterator: str | None
    millis_behind: int


class ReadTransport(Protocol):
    """The way out. Every method raises TransportError if its call failed."""

    def list_shards(self, stream: str) -> Sequence[Shard]:
        """Every shard that still holds records, open or closed."""

    def shard_iterator(self, stream: str, shard_id: str, position: Position) -> str:
        """An iterator, good for five minutes."""

    def get_records(self, stream: str, shard_id: str, iterator: str) -> Page:
        """The next page; five calls a second and shard."""

    def leave_shard(self, shard_id: str) -> None:
        """Free what is held for a shard that is not read any more, such as a subscription."""
