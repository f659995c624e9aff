"""How events become calls: what waits, what travels together, and in which order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from tidelake.client.spool import Segment
from tidelake.client.transport import Record
from tidelake.client.watermark import Mark

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 10 * 1024 * 1024
"""Limits of one PutRecords call, keys included (Kinesis API reference, PutRecords)."""

MAX_RECORD_BYTES = 1000 * 1024
"""Largest event as JSON. A stream takes 1 MiB with the key by default, but Firehose, which reads
it, only 1,000 KiB (Firehose quotas)."""


@dataclass(frozen=True, kw_only=True)
class BatchPolicy:
    """When a batch is sent, and how much may wait.

    A batch goes as soon as it has `max_records` events, or `max_bytes` with their keys, or is
    `linger_seconds` old. While `max_waiting_events`, or `max_waiting_bytes` of them, are held in
    memory, those under way included, no new batch begins: `put` blocks.
    """

    max_records: int = MAX_BATCH_RECORDS
    max_bytes: int = MAX_BATCH_BYTES
    linger_seconds: float = 0.1
    max_waiting_events: int = 50_000
    max_waiting_bytes: int = 64 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Entry:
    """One accepted event on its way: `data` is its JSON, `line` where it stood in its input.

    `size` is what it takes of a call: the bytes of the event and its key. `mark` is there if the
    caller gave a position, `segment` if the event lies in a spool.
    """

    data: bytes
    key: str
    source: str
    size: int
    line: int | None = None
    mark: Mark | None = None
    segment: Segment | None = None

    @property
    def position(self) -> object:
        """What the caller gave as the event's position; None if nothing."""
        return None if self.mark is None else self.mark.position


@dataclass(slots=True, eq=False)
class Parcel:
    """One record and the events in it. `attempts` to send it have failed, the first at `since`."""

    record: Record
    entries: Sequence[Entry]
    size: int
    attempts: int = 0
    since: float = 0.0


class Packer(Protocol):
    """Turns events into records."""

    def pack(self, entries: Iterable[Entry]) -> list[Parcel]:
        """Every entry in a record, in no order."""

    def pack_first(self, lane: deque[Entry]) -> Parcel:
        """Take from the left of a lane of one key, in order, what fits into one record."""


class PlainPacker:
    """One event, one record."""

    def pack(self, entries: Iterable[Entry]) -> list[Parcel]:
        return [plain_parcel(entry) for entry in entries]

    def pack_first(self, lane: deque[Entry]) -> Parcel:
        return plain_parcel(lane.popleft())


def plain_parcel(entry: Entry) -> Parcel:
    """A record that is the event itself."""
    return Parcel(Record(entry.data, entry.key), (entry,), entry.size)


def key_bytes(key: str) -> int:
    """Length of a key as Kinesis counts it, in UTF-8."""
    return len(key) if key.isascii() else len(key.encode())


class SendQueue(Protocol):
    """What waits to be sent. Not safe between threads by itself: its owner holds a lock."""

    def add(self, entries: list[Entry]) -> None:
        """Queue events that were never sent."""

    def next_call(self, now: float) -> list[Parcel]:
        """The records of one call, within its limits; none if nothing may be sent yet."""

    def done(self, parcels: Iterable[Parcel]) -> None:
        """These records of a call came to their end."""

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        """These records of a call are to be sent again, from the time `due` on."""

    def next_due(self) -> float | None:
        """When the first of those given back is due."""

    def clear(self) -> list[Entry]:
        """Take everything out, without what is under way."""

    def __bool__(self) -> bool:
        """Whether anything waits."""


class _GivenBack:
    """Records to be sent again, by the time when they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Parcel]] = []
        self._numbers = count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def add(self, parcels: Iterable[Parcel], due: float) -> None:
        for parcel in parcels:
            heapq.heappush(self._heap, (due, next(self._numbers), parcel))

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def move_due(self, now: float, call: _Call) -> None:
        while self._heap and self._heap[0][0] <= now and call.add(self._heap[0][2]):
            heapq.heappop(self._heap)

    def clear(self) -> list[Entry]:
        entries = [entry for _, _, parcel in sorted(self._heap) for entry in parcel.entries]
        self._heap.clear()
        return entries


class _Call:
    """The records of one call, as many as it may have."""

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self._bytes = 0
        self.parcels: list[Parcel] = []

    def add(self, parcel: Parcel) -> bool:
        """Whether there was room for it."""
        if self.parcels and (
            len(self.parcels) >= self._policy.max_records
            or self._bytes + parcel.size > self._policy.max_bytes
        ):
            return False
        self.parcels.append(parcel)
        self._bytes += parcel.size
        return True


class UnorderedQueue:
    """Sends whatever is there: what is due again first, then events as they came."""

    def __init__(self, packer: Packer, policy: BatchPolicy) -> None:
        self._packer = packer
        self._policy = policy
        self._chunks: deque[list[Entry]] = deque()
        self._packed: deque[Parcel] = deque()
        self._given_back = _GivenBack()

    def __bool__(self) -> bool:
        return bool(self._chunks or self._packed or self._given_back)

    def add(self, entries: list[Entry]) -> None:
        self._chunks.append(entries)

    def next_call(self, now: float) -> list[Parcel]:
        call = _Call(self._policy)
        self._given_back.move_due(now, call)
        packed = self._packed
        while packed or self._chunks:
            if not packed:
                packed.extend(self._packer.pack(self._chunks.popleft()))
            if not call.add(packed[0]):
                break
            packed.popleft()
        return call.parcels

    def done(self, parcels: Iterable[Parcel]) -> None:
        """Nothing waits for them."""

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        self._given_back.add(parcels, due)

    def next_due(self) -> float | None:
        return self._given_back.next_due()

    def clear(self) -> list[Entry]:
        entries = self._given_back.clear()
        entries += [entry for parcel in self._packed for entry in parcel.entries]
        entries += [entry for chunk in self._chunks for entry in chunk]
        self._packed.clear()
        self._chunks.clear()
        return entries


class OrderedQueue:
    """Keeps the order of each key: no record of a key is sent while another one is unanswered.

    PutRecords keeps no order by itself: of two records of one key in one call the first may fail
    and the second be stored (Kinesis API reference, PutRecords).
    """

    def __init__(self, packer: Packer, policy: BatchPolicy) -> None:
        self._packer = packer
        self._policy = policy
        self._lanes: dict[str, deque[Entry]] = {}
        """Events by key; a key stays as long as one of its records is under way."""
        self._free: deque[str] = deque()
        """Keys with waiting events and no record under way."""
        self._given_back = _GivenBack()

    def __bool__(self) -> bool:
        # A key with a record under way frees itself when that is answered.
        return bool(self._free or self._given_back)

    def add(self, entries: list[Entry]) -> None:
        for entry in entries:
            lane = self._lanes.get(entry.key)
            if lane is None:
                self._lanes[entry.key] = deque((entry,))
                self._free.append(entry.key)
            else:
                lane.append(entry)

    def next_call(self, now: float) -> list[Parcel]:
        call = _Call(self._policy)
        self._given_back.move_due(now, call)
        while self._free:
            lane = self._lanes[self._free[0]]
            parcel = self._packer.pack_first(lane)
            if not call.add(parcel):
                lane.extendleft(reversed(parcel.entries))
                break
            self._free.popleft()
        return call.parcels

    def done(self, parcels: Iterable[Parcel]) -> None:
        for parcel in parcels:
            key = parcel.entries[0].key
            if self._lanes.get(key):
                self._free.append(key)
            else:
                self._lanes.pop(key, None)

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        self._given_back.add(parcels, due)

    def next_due(self) -> float | None:
        return self._given_back.next_due()

    def clear(self) -> list[Entry]:
        entries = self._given_back.clear()
        entries += [entry for lane in self._lanes.values() for entry in lane]
        self._lanes.clear()
        self._free.clear()
        return entries
