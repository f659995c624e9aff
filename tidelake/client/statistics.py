"""What a producer counts: by source, so that the numbers add up and can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class SourceStatistics:
    """Counts of one source: accepted = delivered + dead_lettered + spooled + what still waits.

    `recovered` are those of the accepted that an earlier run had left in the spool; `spooled` those
    that this run leaves there. `retried` counts every sending of an event after its first; `bytes`
    those delivered, as JSON.
    """

    accepted: int = 0
    delivered: int = 0
    retried: int = 0
    dead_lettered: int = 0
    bytes: int = 0
    recovered: int = 0
    spooled: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of the events that a producer accepted.

    `spooled` ones are on the disk and go first in the next run with the same spool.
    """

    delivered: int
    dead_lettered: int
    spooled: int = 0
    recovered: int = 0

    @classmethod
    def of(cls, sources: Iterable[SourceStatistics]) -> DeliveryReport:
        counts = list(sources)
        return cls(
            delivered=sum(count.delivered for count in counts),
            dead_lettered=sum(count.dead_lettered for count in counts),
            spooled=sum(count.spooled for count in counts),
            recovered=sum(count.recovered for count in counts),
        )
