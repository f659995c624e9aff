"""Where an accepted event's way ends, counted: delivered, set aside, or left in the spool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from tidelake.client.batching import Entry, Parcel
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
        self._remembers = spool is not None or watermark is not None
        self.on_outcome = on_outcome
        self.by_source: defaultdict[str, SourceStatistics] = defaultdict(SourceStatistics)
        self.waiting_events = 0
        self.waiting_bytes = 0
        self.kept: list[Entry] = []
        """Events that stay in the spool, because they could not be delivered."""

    @property
    def report(self) -> DeliveryReport:
        return DeliveryReport.of(self.by_source.values())

    def accept(self, entries: Sequence[Entry]) -> None:
        """Events that begin their way."""
        for source, count in Counter([entry.source for entry in entries]).items():
            self.by_source[source].accepted += count
        self.waiting_events += len(entries)
        self.waiting_bytes += sum([entry.size for entry in entries])

    def deliver(self, parcels: Iterable[Parcel]) -> None:
        """Records that the stream stored."""
        events = [entry for parcel in parcels for entry in parcel.entries]
        for entry in events:
            counts = self.by_source[entry.source]
            counts.delivered += 1
            counts.bytes += len(entry.data)
        self._stop_waiting(events)
        if self._remembers:
            for entry in events:
                self._let_go(entry)
        self._advance()

    @property
    def waiting_positions(self) -> int:
        """Positions that wait for one before them."""
        return 0 if self._watermark is None else len(self._watermark)

    @property
    def where_given_up(self) -> str:
        return "went to the dead letters" if self._spool is None else "stay in the spool"

    def refuse(self, entries: Sequence[Entry], error_code: str) -> None:
        """Events that the stream does not take: they become dead letters, spool or not."""
        self.set_aside(entries, f"delivery: must be taken by the data stream, error {error_code}")
        if self.on_outcome is not None:
            self.on_outcome(entries, Outcome(error_code, "", ""))

    def give_up(self, entries: Sequence[Entry], error_code: str) -> None:
        """Events that could not be delivered: they stay in the spool, or become dead letters."""
        if self._spool is None:
            reason = f"delivery: must succeed before the producer gives up, last error {error_code}"
            self.set_aside(entries, reason)
        else:
            for entry in entries:
                self.by_source[entry.source].spooled += 1
            self.kept += entries
            self._stop_waiting(entries)
        if self.on_outcome is not None:
            self.on_outcome(entries, Outcome(error_code, "", ""))

    def set_aside(self, entries: Iterable[Entry], reason: str) -> None:
        """Events that become dead letters. Raises DeliveryError if those cannot be written."""
        entries = list(entries)
        for entry in entries:
            self._dead_letters.put_event(
                source=entry.source, line=entry.line, reason=reason, event=entry.data
            )
            self.by_source[entry.source].dead_lettered += 1
        if self._spool is not None:
            # The spool forgets them now.
            self._dead_letters.sync()
        for entry in entries:
            self._let_go(entry)
        self._stop_waiting(entries)
        self._advance()

    def _stop_waiting(self, entries: Sequence[Entry]) -> None:
        self.waiting_events -= len(entries)
        self.waiting_bytes -= sum([entry.size for entry in entries])

    def _let_go(self, entry: Entry) -> None:
        if entry.mark is not None:
            entry.mark.settled = True
        if entry.segment is not None and self._spool is not None:
            self._spool.settle(entry.segment)

    def _advance(self) -> None:
        if self._watermark is not None:
            self._watermark.advance()
