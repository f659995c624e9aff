"""Where an accepted event's way ends, counted: delivered, set aside, or left in the spool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from tidelake.client.batching import (
    DATA,
    LINE,
    MARK,
    SEGMENT,
    SIZE,
    SOURCE,
    Entries,
    Entry,
    Parcel,
    Row,
)
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.spool import Spool
from tidelake.client.statistics import DeliveryReport, SourceStatistics
from tidelake.client.transport import Outcome
from tidelake.client.watermark import Watermark

OnOutcome = Callable[[Sequence[Entry], Outcome], None]
"""Takes the events of one record and what became of it. See `Producer`."""


class Settlement:
    """Counts events from `accept` to their end. Its owner holds a lock."""

    def __init__(
        self,
        dead_letters: DeadLetterFile,
        *,
        spool: Spool | None,
        watermark: Watermark | None,
        on_outcome: OnOutcome | None,
    ) -> None:
        self._dead_letters = dead_letters
        self._spool = spool
        self._watermark = watermark
        self.on_outcome = on_outcome
        self.by_source: defaultdict[str, SourceStatistics] = defaultdict(SourceStatistics)
        self.waiting_events = 0
        self.waiting_bytes = 0
        self.kept: list[Row] = []
        """Events that stay in the spool, because they could not be delivered."""

    @property
    def report(self) -> DeliveryReport:
        return DeliveryReport.of(self.by_source.values())

    def accept(self, rows: Sequence[Row]) -> None:
        """Events that begin their way."""
        for source, count in count_sources(rows):
            self.by_source[source].accepted += count
        self.waiting_events += len(rows)
        self.waiting_bytes += sum([row[SIZE] for row in rows])

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Records that the stream stored."""
        rows = [row for parcel in parcels for row in parcel.rows]
        lengths: defaultdict[str, list[int]] = defaultdict(list)
        for row in rows:
            lengths[row[SOURCE]].append(len(row[DATA]))
        for source, of_source in lengths.items():
            counts = self.by_source[source]
            counts.delivered += len(of_source)
            counts.bytes += sum(of_source)
        self._end(rows)

    @property
    def waiting_positions(self) -> int:
        """Positions that wait for one before them."""
        return 0 if self._watermark is None else len(self._watermark)

    @property
    def where_given_up(self) -> str:
        return "went to the dead letters" if self._spool is None else "stay in the spool"

    def refuse(self, rows: Sequence[Row], error_code: str) -> None:
        """Events that the stream does not take: they become dead letters, spool or not."""
        self.set_aside(rows, f"delivery: must be taken by the data stream, error {error_code}")
        self.tell(rows, Outcome(error_code, "", ""))

    def give_up(self, rows: Sequence[Row], error_code: str) -> None:
        """Events that could not be delivered: they stay in the spool, or become dead letters."""
        if self._spool is None:
            reason = f"delivery: must succeed before the producer gives up, last error {error_code}"
            self.set_aside(rows, reason)
        else:
            for source, count in count_sources(rows):
                self.by_source[source].spooled += count
            self.kept += rows
            self._stop_waiting(rows)
        self.tell(rows, Outcome(error_code, "", ""))

    def set_aside(self, rows: Sequence[Row], reason: str) -> None:
        """Events that become dead letters. Raises DeliveryError if those cannot be written."""
        for row in rows:
            source = row[SOURCE]
            self._dead_letters.put_event(
                source=source, line=row[LINE], reason=reason, event=row[DATA]
            )
            self.by_source[source].dead_lettered += 1
        if self._spool is not None:
            # The spool forgets them now.
            self._dead_letters.sync()
        self._end(rows)

    def tell(self, rows: Sequence[Row], outcome: Outcome) -> None:
        """Tell whoever wants to know what became of a record with these events."""
        if self.on_outcome is not None:
            self.on_outcome(Entries(rows), outcome)

    def _end(self, rows: Sequence[Row]) -> None:
        """Events that are safe: nothing needs to remember them."""
        self._stop_waiting(rows)
        if self._spool is not None:
            for row in rows:
                if (segment := row[SEGMENT]) is not None:
                    self._spool.settle(segment)
        if self._watermark is not None:
            for row in rows:
                if (mark := row[MARK]) is not None:
                    mark.settled = True
            self._watermark.advance()

    def _stop_waiting(self, rows: Sequence[Row]) -> None:
        self.waiting_events -= len(rows)
        self.waiting_bytes -= sum([row[SIZE] for row in rows])


def count_sources(rows: Iterable[Row]) -> Iterable[tuple[str, int]]:
    """How many events each source has."""
    return Counter([row[SOURCE] for row in rows]).items()
