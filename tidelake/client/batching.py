"""How events become calls: what waits, what travels together, and in which order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count, starmap
from typing import Protocol

from tidelake.client.records import Parcel, Row, compact, plain_parcel

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


class Packer(Protocol):
    """Turns events into records."""

    def add(self, rows: Iterable[Row]) -> None:
        """Take events; their bytes are not held."""

    def take(self) -> Iterable[Parcel]:
        """What was taken since the last time, in records, in no order."""

    def pack_first(self, lane: deque[Row]) -> Parcel:
        """Take from the left of a lane of one key, in order, what fits into one record."""


class PlainPacker:
    """One event, one record."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, rows: Iterable[Row]) -> None:
        self._rows += map(compact, rows)

    def take(self) -> Iterable[Parcel]:
        """Records, each made when its turn comes: events wait more cheaply."""
        rows, self._rows = self._rows, []
        return starmap(plain_parcel, rows)

    def pack_first(self, lane: deque[Row]) -> Parcel:
        return plain_parcel(*lane.popleft())


class SendQueue(Protocol):
    """What waits to be sent. Not safe between threads by itself: its owner holds a lock."""

    def add(self, rows: Iterable[Row]) -> None:
        """Gather events that were never sent; their bytes are not held."""

    def seal(self) -> None:
        """Let what was gathered be sent."""

    def next_call(self, now: float) -> list[Parcel]:
        """The records of one call, within its limits; none if nothing may be sent yet."""

    def done(self, parcels: Iterable[Parcel]) -> None:
        """These records of a call came to their end."""

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        """These records of a call are to be sent again, from the time `due` on."""

    def next_due(self) -> float | None:
        """When the first of those given back is due."""

    def clear(self) -> list[Parcel]:
        """Take out what was sealed, but for what is under way."""

    def __bool__(self) -> bool:
        """Whether anything that was sealed waits."""


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

    def clear(self) -> list[Parcel]:
        parcels = [parcel for _, _, parcel in sorted(self._heap)]
        self._heap.clear()
        return parcels


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
        self._sealed: deque[Iterable[Parcel]] = deque()
        self._packed: deque[Parcel] = deque()
        self._given_back = _GivenBack()

    def __bool__(self) -> bool:
        return bool(self._sealed or self._packed or self._given_back)

    def add(self, rows: Iterable[Row]) -> None:
        self._packer.add(rows)

    def seal(self) -> None:
        self._sealed.append(self._packer.take())

    def next_call(self, now: float) -> list[Parcel]:
        call = _Call(self._policy)
        self._given_back.move_due(now, call)
        packed = self._packed
        while packed or self._sealed:
            if not packed:
                packed.extend(self._sealed.popleft())
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

    def clear(self) -> list[Parcel]:
        parcels = [*self._given_back.clear(), *self._packed, *chain.from_iterable(self._sealed)]
        self._packed.clear()
        self._sealed.clear()
        return parcels


class OrderedQueue:
    """Keeps the order of each key: no record of a key is sent while another one is unanswered.

    PutRecords keeps no order by itself: of two records of one key in one call the first may fail
    and the second be stored (Kinesis API reference, PutRecords).
    """

    def __init__(self, packer: Packer, policy: BatchPolicy) -> None:
        self._packer = packer
        self._policy = policy
        self._gathered: list[Row] = []
        self._lanes: dict[str, deque[Row]] = {}
        """Events by key; a key stays as long as one of its records is under way."""
        self._free: deque[str] = deque()
        """Keys with waiting events and no record under way."""
        self._given_back = _GivenBack()

    def __bool__(self) -> bool:
        # A key with a record under way frees itself when that is answered.
        return bool(self._free or self._given_back)

    def add(self, rows: Iterable[Row]) -> None:
        self._gathered += map(compact, rows)

    def seal(self) -> None:
        rows, self._gathered = self._gathered, []
        for row in rows:
            _, key, _ = row
            lane = self._lanes.get(key)
            if lane is None:
                self._lanes[key] = deque((row,))
                self._free.append(key)
            else:
                lane.append(row)

    def next_call(self, now: float) -> list[Parcel]:
        call = _Call(self._policy)
        self._given_back.move_due(now, call)
        while self._free:
            lane = self._lanes[self._free[0]]
            parcel = self._packer.pack_first(lane)
            if not call.add(parcel):
                lane.extendleft(reversed(parcel.rows()))
                break
            self._free.popleft()
        return call.parcels

    def done(self, parcels: Iterable[Parcel]) -> None:
        for parcel in parcels:
            key = parcel.record.partition_key
            if self._lanes.get(key):
                self._free.append(key)
            else:
                self._lanes.pop(key, None)

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        self._given_back.add(parcels, due)

    def next_due(self) -> float | None:
        return self._given_back.next_due()

    def clear(self) -> list[Parcel]:
        parcels = self._given_back.clear()
        parcels += [plain_parcel(*row) for lane in self._lanes.values() for row in lane]
        self._lanes.clear()
        self._free.clear()
        return parcels
