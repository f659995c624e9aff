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
from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from tidelake.client.batching import DATA, KEY, SIZE, Parcel, Row, key_bytes, plain_parcel
from tidelake.client.transport import PutTransport, Record
from tidelake.contract.errors import TransportError

MAGIC = b"\xf3\x89\x9a\xc2"

MAX_AGGREGATE_BYTES = 51_200
"""AggregationMaxSize of the KPL, its default."""

MAX_AGGREGATED_EVENT_BYTES = 10_240
"""A larger event travels alone: packing it would save little and copy much."""

GATHERED_EVENTS = 4_000
"""How many events are gathered before they are packed: enough to fill records of many shards."""

_FRAMING_BYTES = 16
"""At most what the message adds to an event of this size and to its key."""

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
        self._ends: list[int] = []
        self._ids: frozenset[str] = frozenset()
        self.group: Callable[[str], int | str] = self._group
        """The same value for keys of the same shard."""

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
            self._ids = frozenset(shard.shard_id for shard in live)
            self._ends = sorted(shard.ending_hash_key for shard in live)
            self.group = lru_cache(_REMEMBERED_KEYS)(self._group)
            self._stale = False

    def saw(self, shard_id: str) -> None:
        """A record was stored in this shard: one that is not known tells of a split or merge."""
        if self._ids and shard_id not in self._ids:
            self._stale = True

    def _group(self, key: str) -> int | str:
        if not self._ends:
            return key
        point = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
        return bisect_left(self._ends, point)


class AggregatingPacker:
    """Puts events of one shard into common records; large events travel alone."""

    def __init__(self, shard_map: ShardMap) -> None:
        self._shard_map = shard_map

    def pack(self, rows: Iterable[Row]) -> list[Parcel]:
        parcels: list[Parcel] = []
        open_records: dict[int | str, _Contents] = {}
        group_of = self._shard_map.group
        for row in rows:
            if row[SIZE] > MAX_AGGREGATED_EVENT_BYTES:
                parcels.append(plain_parcel(row))
                continue
            group = group_of(row[KEY])
            contents = open_records.get(group)
            if contents is None:
                contents = open_records[group] = _Contents()
            size = contents.size + row[SIZE] + _FRAMING_BYTES
            if size > MAX_AGGREGATE_BYTES:
                parcels.append(_parcel(contents.rows))
                contents = open_records[group] = _Contents()
                size = row[SIZE] + _FRAMING_BYTES
            contents.size = size
            contents.rows.append(row)
        parcels += [_parcel(contents.rows) for contents in open_records.values()]
        return parcels

    def pack_first(self, lane: deque[Row]) -> Parcel:
        rows = [lane.popleft()]
        if rows[0][SIZE] > MAX_AGGREGATED_EVENT_BYTES:
            return plain_parcel(rows[0])
        size = rows[0][SIZE] + _FRAMING_BYTES
        while (
            lane
            and lane[0][SIZE] <= MAX_AGGREGATED_EVENT_BYTES
            and size + lane[0][SIZE] + _FRAMING_BYTES <= MAX_AGGREGATE_BYTES
        ):
            size += lane[0][SIZE] + _FRAMING_BYTES
            rows.append(lane.popleft())
        return _parcel(rows)


class _Contents:
    """What goes into one record, and at most how many bytes it takes."""

    __slots__ = ("rows", "size")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.size = 0


def _parcel(rows: list[Row]) -> Parcel:
    """Events in one record; one that is alone goes as it is."""
    if len(rows) == 1:
        return plain_parcel(rows[0])
    data, key = aggregated(rows), rows[0][KEY]
    return Parcel(Record(data, key), rows, len(data) + key_bytes(key))


def aggregated(rows: Iterable[Row]) -> bytes:
    """Events, with their keys, as the data of one aggregated record.

    The message is written field by field, in half the time of protobuf's library and to the same
    bytes:

        AggregatedRecord  1: key, for each key; 3: Record, for each event
        Record            1: index of its key (varint); 3: the event's data
    """
    indexes: dict[str, int] = {}
    records: list[bytes] = []
    for row in rows:
        data = row[DATA]
        index = _key_index(indexes.setdefault(row[KEY], len(indexes)))
        length = len(data)
        head = _field_3(length)
        records += (_field_3(len(index) + len(head) + length), index, head, data)
    body = b"".join([*map(_key_field, indexes), *records])
    return b"".join((MAGIC, body, hashlib.md5(body, usedforsecurity=False).digest()))


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the highest bit set."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


# A tag is the field's number, shifted by three, and 2 for bytes or 0 for a varint ("Encoding",
# protobuf.dev). No more values come than an aggregate has bytes, so they may all be remembered.


@cache
def _field_3(length: int) -> bytes:
    """What stands before so many bytes of a field 3."""
    return b"\x1a" + varint(length)


@lru_cache(_REMEMBERED_KEYS)
def _key_field(key: str) -> bytes:
    data = key.encode()
    return b"\x0a" + varint(len(data)) + data


@cache
def _key_index(index: int) -> bytes:
    return b"\x08" + varint(index)
