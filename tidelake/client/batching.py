"""How events become calls: what waits, what travels together, and in which order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple, Protocol, TypeAlias, overload

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


class Entry(NamedTuple):
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


Row: TypeAlias = tuple[bytes, str, str, int, int | None, Mark | None, Segment | None]
"""The fields of an Entry in a bare tuple, which is how events wait. The garbage collector visits
every instance of a class time and again, but stops visiting a tuple that holds only bytes, text and
numbers: the difference is as much as it costs to encode the event."""

DATA: Final = 0
KEY: Final = 1
SOURCE: Final = 2
SIZE: Final = 3
LINE: Final = 4
MARK: Final = 5
SEGMENT: Final = 6


class Entries(Sequence[Entry]):
    """Rows, read as entries."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Entries: ...
    def __getitem__(self, index: int | slice) -> Entry | Entries:
        if isinstance(index, slice):
            return Entries(self._rows[index])
        return Entry(*self._rows[index])


@dataclass(slots=True, eq=False)
class Parcel:
    """One record and the events in it. `attempts` to send it have failed, the first at `since`."""

    record: Record
    rows: Sequence[Row]
    size: int
    attempts: int = 0
    since: float = 0.0


class Packer(Protocol):
    """Turns events into records."""

    def pack(self, rows: Iterable[Row]) -> list[Parcel]:
        """Every event in a record, in no order."""

    def pack_first(self, lane: deque[Row]) -> Parcel:
        """Take from the left of a lane of one key, in order, what fits into one record."""


class PlainPacker:
    """One event, one record."""

    def pack(self, rows: Iterable[Row]) -> list[Parcel]:
        return [plain_parcel(row) for row in rows]

    def pack_first(self, lane: deque[Row]) -> Parcel:
        return plain_parcel(lane.popleft())


def plain_parcel(row: Row) -> Parcel:
    """A record that is the event itself."""
    return Parcel(Record(row[DATA], row[KEY]), (row,), row[SIZE])


def key_bytes(key: str) -> int:
    """Length of a key as Kinesis counts it, in UTF-8."""
    return len(key) if key.isascii() else len(key.encode())


class SendQueue(Protocol):
    """What waits to be sent. Not safe between threads by itself: its owner holds a lock."""

    def add(self, rows: list[Row]) -> None:
        """Queue events that were never sent."""

    def next_call(self, now: float) -> list[Parcel]:
        """The records of one call, within its limits; none if nothing may be sent yet."""

    def done(self, parcels: Iterable[Parcel]) -> None:
        """These records of a call came to their end."""

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        """These records of a call are to be sent again, from the time `due` on."""

    def next_due(self) -> float | None:
        """When the first of those given back is due."""

    def clear(self) -> list[Row]:
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

    def clear(self) -> list[Row]:
        rows = [row for _, _, parcel in sorted(self._heap) for row in parcel.rows]
        self._heap.clear()
        return rows


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
        self._chunks: deque[list[Row]] = deque()
        self._packed: deque[Parcel] = deque()
        self._given_back = _GivenBack()

    def __bool__(self) -> bool:
        return bool(self._chunks or self._packed or self._given_back)

    def add(self, rows: list[Row]) -> None:
        self._chunks.append(rows)

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

    def clear(self) -> list[Row]:
        rows = self._given_back.clear()
        rows += [row for parcel in self._packed for row in parcel.rows]
        rows += [row for chunk in self._chunks for row in chunk]
        self._packed.clear()
        self._chunks.clear()
        return rows


class OrderedQueue:
    """Keeps the order of each key: no record of a key is sent while another one is unanswered.

    PutRecords keeps no order by itself: of two records of one key in one call the first may fail
    and the second be stored (Kinesis API reference, PutRecords).
    """

    def __init__(self, packer: Packer, policy: BatchPolicy) -> None:
        self._packer = packer
        self._policy = policy
        self._lanes: dict[str, deque[Row]] = {}
        """Events by key; a key stays as long as one of its records is under way."""
        self._free: deque[str] = deque()
        """Keys with waiting events and no record under way."""
        self._given_back = _GivenBack()

    def __bool__(self) -> bool:
        # A key with a record under way frees itself when that is answered.
        return bool(self._free or self._given_back)

    def add(self, rows: list[Row]) -> None:
        for row in rows:
            key = row[KEY]
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
                lane.extendleft(reversed(parcel.rows))
                break
            self._free.popleft()
        return call.parcels

    def done(self, parcels: Iterable[Parcel]) -> None:
        for parcel in parcels:
            key = parcel.rows[0][KEY]
            if self._lanes.get(key):
                self._free.append(key)
            else:
                self._lanes.pop(key, None)

    def give_back(self, parcels: Iterable[Parcel], due: float) -> None:
        self._given_back.add(parcels, due)

    def next_due(self) -> float | None:
        return self._given_back.next_due()

    def clear(self) -> list[Row]:
        rows = self._given_back.clear()
        rows += [row for lane in self._lanes.values() for row in lane]
        self._lanes.clear()
        self._free.clear()
        return rows
