"""What waits in a producer: events, and the records that carry them, as cheap as they can be kept.

The garbage collector visits every instance of a class time and again, but stops visiting a tuple
that holds only bytes, text and numbers: the difference is as much as it costs to encode an event.
So what there is once for every event is a bare tuple, and what callers see of it is made on demand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, overload

from tidelake.client.spool import Segment
from tidelake.client.transport import Record
from tidelake.client.watermark import Mark
from tidelake.contract.deaggregation import deaggregate

Note: TypeAlias = tuple[str, int | None, Mark | None, Segment | None]
"""What is known of an event beside its bytes: its source, the line of its input; a mark if the
caller gave a position, a segment if the event lies in a spool."""

SOURCE: Final = 0
LINE: Final = 1
MARK: Final = 2
SEGMENT: Final = 3

Row: TypeAlias = tuple[bytes, str, Note]
"""An event by itself: its JSON, its partition key and its note."""

DATA: Final = 0


class Entry(NamedTuple):
    """One accepted event on its way: `data` is its JSON, `line` where it stood in its input.

    `position` is what the caller gave as the event's position; None if nothing.
    """

    data: bytes
    key: str
    source: str
    line: int | None
    position: object


@dataclass(slots=True, eq=False)
class Parcel:
    """One record and the notes of the events in it, in their order.

    `size` is what it takes of a call, `event_bytes` the length of its events as JSON. `attempts` to
    send it have failed, the first at `since`. It is `ended` once its events are counted as
    delivered, set aside or spooled, which they are once.
    """

    record: Record
    notes: Sequence[Note]
    size: int
    event_bytes: int
    attempts: int = 0
    since: float = 0.0
    ended: bool = False

    def rows(self) -> list[Row]:
        """The events, taken out of the record."""
        packed = deaggregate(self.record.data)
        events = [self.record] if packed is None else packed
        return [(data, key, note) for (data, key), note in zip(events, self.notes, strict=True)]

    def tally(self) -> Iterable[tuple[str, int, int]]:
        """Each source, how many of the events it has, and how many bytes they are as JSON."""
        sources = {note[SOURCE] for note in self.notes}
        if len(sources) == 1:
            return ((sources.pop(), len(self.notes), self.event_bytes),)
        events: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for data, _, note in self.rows():
            events[note[SOURCE]] += 1
            sizes[note[SOURCE]] += len(data)
        return [(source, count, sizes[source]) for source, count in events.items()]


def plain_parcel(data: bytes, key: str, note: Note) -> Parcel:
    """A record that is the event itself."""
    return Parcel(Record(data, key), (note,), len(data) + key_bytes(key), len(data))


def key_bytes(key: str) -> int:
    """Length of a key as Kinesis counts it, in UTF-8."""
    return len(key) if key.isascii() else len(key.encode())


def compact(row: Row) -> Row:
    """The event with a copy of its JSON, for whoever holds it.

    orjson shrinks a larger buffer in place. Holding many such tails apart costs the allocator ten
    times what encoding costs.
    """
    data, key, note = row
    return b"".join((data, b"")), key, note


class Entries(Sequence[Entry]):
    """The events of a record, taken out of it when looked at."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel
        self._entries: list[Entry] | None = None

    def __len__(self) -> int:
        return len(self._parcel.notes)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if self._entries is None:
            self._entries = [_entry(*row) for row in self._parcel.rows()]
        return self._entries[index]


def _entry(data: bytes, key: str, note: Note) -> Entry:
    source, line, mark, _ = note
    return Entry(data, key, source, line, None if mark is None else mark.position)
