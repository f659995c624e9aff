"""Where an accepted event's way ends, counted: delivered, set aside, or left in the spool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.records import LINE, MARK, SEGMENT, SOURCE, Entries, Entry, Parcel, Row
from tidelake.client.spool import Spool
from tidelake.client.statistics import DeliveryReport, SourceStatistics
from tidelake.client.transport import Outcome
from tidelake.client.watermark import Watermark

OnOutcome = Callable[[Sequence[Entry], Outcome], None]
"""Takes the events of one record and what became of it. See `Producer`."""


class Settlement:
    """Counts events until their end. Its owner holds a lock."""

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
        self.kept: list[Parcel] = []
        """Records whose events stay in the spool, because they could not be delivered."""

    @property
    def report(self) -> DeliveryReport:
        return DeliveryReport.of(self.by_source.values())

    def accept(self, rows: Sequence[Row]) -> None:
        """Events that begin their way."""
        for source, count in Counter([note[SOURCE] for _, _, note in rows]).items():
            self.by_source[source].accepted += count
        self.waiting_events += len(rows)
        self.waiting_bytes += sum([len(data) for data, _, _ in rows])

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Records that the stream stored."""
        for parcel in parcels:
            for source, events, event_bytes in parcel.tally():
                counts = self.by_source[source]
                counts.delivered += events
                counts.bytes += event_bytes
            self._end(parcel)
        self._advance()

    @property
    def waiting_positions(self) -> int:
        """Positions that wait for one before them."""
        return 0 if self._watermark is None else len(self._watermark)

    @property
    def where_given_up(self) -> str:
        return "went to the dead letters" if self._spool is None else "stay in the spool"

    def refuse(self, parcel: Parcel, error_code: str) -> None:
        """A record that the stream does not take: its events become dead letters, spool or not."""
        reason = f"delivery: must be taken by the data stream, error {error_code}"
        self._set_aside([parcel], reason)
        self.tell(parcel, Outcome(error_code, "", ""))

    def give_up(self, parcels: Sequence[Parcel], error_code: str) -> None:
        """Records that could not be delivered: their events stay in the spool, or become dead
        letters. Raises DeliveryError if those cannot be written."""
        if self._spool is None:
            reason = f"delivery: must succeed before the producer gives up, last error {error_code}"
            self._set_aside(parcels, reason)
        else:
            for parcel in parcels:
                for source, events, _ in parcel.tally():
                    self.by_source[source].spooled += events
                self._stop_waiting(parcel)
                self.kept.append(parcel)
        for parcel in parcels:
            self.tell(parcel, Outcome(error_code, "", ""))

    def tell(self, parcel: Parcel, outcome: Outcome) -> None:
        """Tell whoever wants to know what became of a record."""
        if self.on_outcome is not None:
            self.on_outcome(Entries(parcel), outcome)

    def _set_aside(self, parcels: Sequence[Parcel], reason: str) -> None:
        for parcel in parcels:
            for data, _, note in parcel.rows():
                self._dead_letters.put_event(
                    source=note[SOURCE], line=note[LINE], reason=reason, event=data
                )
            if self._spool is not None:
                # The spool forgets them now.
                self._dead_letters.sync()
            for source, events, _ in parcel.tally():
                self.by_source[source].dead_lettered += events
            self._end(parcel)
        self._advance()

    def _end(self, parcel: Parcel) -> None:
        """The events of a record are safe: nothing needs to remember them."""
        self._stop_waiting(parcel)
        if self._spool is not None:
            for note in parcel.notes:
                if (segment := note[SEGMENT]) is not None:
                    self._spool.settle(segment)
        if self._watermark is not None:
            for note in parcel.notes:
                if (mark := note[MARK]) is not None:
                    mark.settled = True

    def _advance(self) -> None:
        if self._watermark is not None:
            self._watermark.advance()

    def _stop_waiting(self, parcel: Parcel) -> None:
        parcel.ended = True
        self.waiting_events -= len(parcel.notes)
        self.waiting_bytes -= parcel.event_bytes
