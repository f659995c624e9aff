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
from collections.abc import Iterable
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from tidelake.client.batching import Entry, Parcel, key_bytes, plain_parcel
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
        self._groups: dict[str, int] = {}

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
            self._groups = {}
            self._ends = sorted(shard.ending_hash_key for shard in live)
            self._stale = False

    def saw(self, shard_id: str) -> None:
        """A record was stored in this shard: one that is not known tells of a split or merge."""
        if self._ids and shard_id not in self._ids:
            self._stale = True

    def group(self, key: str) -> int | str:
        """The same value for keys of the same shard."""
        if not self._ends:
            return key
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _REMEMBERED_KEYS:
                self._groups.clear()
            point = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())
            group = self._groups[key] = bisect_left(self._ends, point)
        return group


class AggregatingPacker:
    """Puts events of one shard into common records; large events travel alone."""

    def __init__(self, shard_map: ShardMap) -> None:
        self._shard_map = shard_map

    def pack(self, entries: Iterable[Entry]) -> list[Parcel]:
        parcels: list[Parcel] = []
        open_records: dict[int | str, _Contents] = {}
        group_of = self._shard_map.group
        for entry in entries:
            if entry.size > MAX_AGGREGATED_EVENT_BYTES:
                parcels.append(plain_parcel(entry))
                continue
            group = group_of(entry.key)
            contents = open_records.get(group)
            if contents is None:
                contents = open_records[group] = _Contents()
            contents.size += entry.size + _FRAMING_BYTES
            if contents.size > MAX_AGGREGATE_BYTES:
                parcels.append(_parcel(contents.entries))
                contents = open_records[group] = _Contents()
                contents.size = entry.size + _FRAMING_BYTES
            contents.entries.append(entry)
        parcels += [_parcel(contents.entries) for contents in open_records.values()]
        return parcels

    def pack_first(self, lane: deque[Entry]) -> Parcel:
        entries = [lane.popleft()]
        if entries[0].size > MAX_AGGREGATED_EVENT_BYTES:
            return plain_parcel(entries[0])
        size = entries[0].size + _FRAMING_BYTES
        while (
            lane
            and lane[0].size <= MAX_AGGREGATED_EVENT_BYTES
            and size + lane[0].size + _FRAMING_BYTES <= MAX_AGGREGATE_BYTES
        ):
            size += lane[0].size + _FRAMING_BYTES
            entries.append(lane.popleft())
        return _parcel(entries)


class _Contents:
    """What goes into one record, and at most how many bytes it takes."""

    __slots__ = ("entries", "size")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.size = 0


def _parcel(entries: list[Entry]) -> Parcel:
    """Events in one record; one that is alone goes as it is."""
    first = entries[0]
    if len(entries) == 1:
        return plain_parcel(first)
    data = aggregated(entries)
    return Parcel(Record(data, first.key), entries, len(data) + key_bytes(first.key))


def aggregated(entries: Iterable[Entry]) -> bytes:
    """Events, with their keys, as the data of one aggregated record."""
    message = _AggregatedRecord()
    add = message.records.add
    indexes: dict[str, int] = {}
    for entry in entries:
        record = add()
        record.partition_key_index = indexes.setdefault(entry.key, len(indexes))
        record.data = entry.data
    message.partition_key_table.extend(indexes)
    body: bytes = message.SerializeToString()
    return b"".join((MAGIC, body, hashlib.md5(body, usedforsecurity=False).digest()))


def _message_class() -> Any:
    """The published messages; `Tag` of a record is left out: nobody writes it."""
    file = FileDescriptorProto(name="tidelake/kpl.proto", syntax="proto2")
    whole = file.message_type.add(name="AggregatedRecord")
    _field(whole, "partition_key_table", 1, FieldDescriptorProto.TYPE_STRING, repeated=True)
    _field(whole, "explicit_hash_key_table", 2, FieldDescriptorProto.TYPE_STRING, repeated=True)
    records = _field(whole, "records", 3, FieldDescriptorProto.TYPE_MESSAGE, repeated=True)
    records.type_name = "Record"
    record = file.message_type.add(name="Record")
    _field(record, "partition_key_index", 1, FieldDescriptorProto.TYPE_UINT64)
    _field(record, "explicit_hash_key_index", 2, FieldDescriptorProto.TYPE_UINT64)
    _field(record, "data", 3, FieldDescriptorProto.TYPE_BYTES)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("AggregatedRecord"))


def _field(
    message: DescriptorProto, name: str, number: int, kind: Any, *, repeated: bool = False
) -> FieldDescriptorProto:
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    return message.field.add(name=name, number=number, type=kind, label=label)


_AggregatedRecord = _message_class()
