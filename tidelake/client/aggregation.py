"""Many small events in one record, as the Kinesis Producer Library packs them.

An aggregated record is F3 89 9A C2, an `AggregatedRecord` message, and the MD5 of that message
(awslabs/amazon-kinesis-producer, aggregation-format.md). Firehose and every KCL consumer take the
events out again. A shard takes 1,000 records a second, however many events are in each.
"""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache

from tidelake.client.partition_keys import MAX_KEY_CHARACTERS
from tidelake.client.records import DATA, Note, Parcel, Row, key_bytes, plain_parcel
from tidelake.client.transport import PutTransport, Record, Shard
from tidelake.contract.errors import TransportError

MAGIC = b"\xf3\x89\x9a\xc2"

MAX_AGGREGATE_BYTES = 51_200
"""AggregationMaxSize of the KPL, its default."""

MAX_AGGREGATED_EVENT_BYTES = 10_240
"""A larger event travels alone: packing it would save little and copy much."""

GATHERED_EVENTS = 4_000
"""How many events are gathered before they are sent: enough to fill records of many shards."""

_RECORD_FRAMING_BYTES = 12
"""At most what the message adds to an event of such a size."""

_FRAMING_BYTES = 4 + 16 + _RECORD_FRAMING_BYTES + 4 * MAX_KEY_CHARACTERS + 3
"""At most what a record adds to its last event: magic, digest, and the longest key."""

_REMEMBERED_KEYS = 65_536


class ShardMap:
    """Which keys share a shard: by the MD5 of the key and the hash key ranges of the open shards.

    The KCL drops events whose key does not belong to the shard where their record lies, so an
    aggregate holds keys of one shard. Without the list of shards, as without the permission to
    read it, every key counts as a shard of its own.
    """

    def __init__(self, transport: PutTransport, stream: str) -> None:
        self._transport = transport
        self._stream = stream
        self._loading = threading.Lock()
        self._stale = True
        self._known: frozenset[str] = frozenset()
        self.group: Callable[[str], str] = str
        """The same text for keys of the same shard: its id, which no later shard has again."""

    def refresh(self) -> None:
        """Read the list of shards, if it was never read or no longer fits."""
        if not self._stale:
            return
        with self._loading:
            if not self._stale:
                return
            try:
                shards = self._transport.list_shards(self._stream)
            except TransportError:
                shards = []
            live = [shard for shard in shards if not shard.closed]
            live.sort(key=lambda shard: shard.ending_hash_key)
            self._known = frozenset(shard.shard_id for shard in live)
            # At once: whoever asks meanwhile, without a lock, asks the old list or the new one.
            self.group = _grouping(live)
            self._stale = False

    def saw(self, shard_id: str) -> None:
        """A record was stored in this shard: one that is not known tells of a split or merge."""
        if self._known and shard_id not in self._known:
            self._stale = True


def _grouping(shards: Sequence[Shard]) -> Callable[[str], str]:
    """Key -> the id of its shard, of those ordered by their ranges; without any, the key itself."""
    ends = [shard.ending_hash_key for shard in shards]

    @lru_cache(_REMEMBERED_KEYS)
    def group(key: str) -> str:
        point = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
        at = bisect_left(ends, point)
        return shards[at].shard_id if at < len(shards) else key

    return group


class AggregatingPacker:
    """Puts events of one shard into common records; large events travel alone."""

    def __init__(self, shard_map: ShardMap) -> None:
        self._shard_map = shard_map
        self._aggregates: list[Aggregate] = []
        self._open: dict[str, Aggregate] = {}
        """The last one of each shard."""

    def add(self, rows: Iterable[Row]) -> None:
        group_of, opened = self._shard_map.group, self._open
        for data, key, note in rows:
            size = len(data)
            if size > MAX_AGGREGATED_EVENT_BYTES:
                self._begin().add(data, key, note)
                continue
            group = group_of(key)
            aggregate = opened.get(group)
            if aggregate is None or size > aggregate.room:
                aggregate = opened[group] = self._begin()
            aggregate.add(data, key, note)

    def take(self) -> Iterable[Parcel]:
        aggregates, self._aggregates = self._aggregates, []
        self._open = {}
        return map(Aggregate.parcel, aggregates)

    def pack_first(self, lane: deque[Row]) -> Parcel:
        if len(lane[0][DATA]) > MAX_AGGREGATED_EVENT_BYTES:
            return plain_parcel(*lane.popleft())
        aggregate = Aggregate()
        while lane and len(lane[0][DATA]) <= min(aggregate.room, MAX_AGGREGATED_EVENT_BYTES):
            aggregate.add(*lane.popleft())
        return aggregate.parcel()

    def _begin(self) -> Aggregate:
        aggregate = Aggregate()
        self._aggregates.append(aggregate)
        return aggregate


class Aggregate:
    """An aggregated record that is being filled, event by event.

    The message is written field by field, in less time than protobuf's library takes and to the
    same bytes:

        AggregatedRecord  1: key, for each key; 3: Record, for each event
        Record            1: index of its key (varint); 3: the event's data
    """

    __slots__ = ("_event_bytes", "_keys", "_notes", "_partition_key", "_records", "room")

    def __init__(self) -> None:
        self.room = MAX_AGGREGATE_BYTES - _FRAMING_BYTES
        """Bytes of an event for which there is room, whatever its key."""
        self._partition_key = ""
        self._keys: dict[bytes, int] = {}
        """The fields of the keys, each with its index."""
        self._records = bytearray()
        self._notes: list[Note] = []
        self._event_bytes = 0

    def add(self, data: bytes, key: str, note: Note) -> None:
        """Take an event, for which there is room."""
        keys = self._keys
        if not keys:
            self._partition_key = key
        field = _key_field(key)
        index = _key_index(keys.setdefault(field, len(keys)))
        length = len(data)
        head, data_head = _heads(length, len(index))
        records = self._records
        records += head
        records += index
        records += data_head
        records += data
        self._notes.append(note)
        self._event_bytes += length
        self.room -= length + len(field) + _RECORD_FRAMING_BYTES

    def parcel(self) -> Parcel:
        """The record; an event that is alone in it goes as it is."""
        key, notes = self._partition_key, self._notes
        if len(notes) == 1:
            return plain_parcel(bytes(self._records[-self._event_bytes :]), key, notes[0])
        keys = b"".join(self._keys)
        digest = hashlib.md5(keys, usedforsecurity=False)
        digest.update(self._records)
        data = b"".join((MAGIC, keys, self._records, digest.digest()))
        return Parcel(Record(data, key), notes, len(data) + key_bytes(key), self._event_bytes)


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the highest bit set."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


# A tag is the field's number, shifted by three, and 2 for bytes or 0 for a varint ("Encoding",
# protobuf.dev). An index has no more values than an aggregate has events, so all are remembered.


@lru_cache(_REMEMBERED_KEYS)
def _heads(length: int, index_bytes: int) -> tuple[bytes, bytes]:
    """What stands before a record with an event of this length, and before the event in it."""
    data_head = b"\x1a" + varint(length)
    return b"\x1a" + varint(index_bytes + len(data_head) + length), data_head


@lru_cache(_REMEMBERED_KEYS)
def _key_field(key: str) -> bytes:
    data = key.encode()
    return b"\x0a" + varint(len(data)) + data


@cache
def _key_index(index: int) -> bytes:
    return b"\x08" + varint(index)
