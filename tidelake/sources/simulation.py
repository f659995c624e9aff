"""Many sources at once out of a seed, with what a pipeline has to cope with, and the exact truth.

A simulation gives outcomes of lines, as reading a file does, so that whatever sends a file sends
it, too. Its events go the way of all others, from the line through parser and validation; the bad
ones that are to pass are spoilt after that.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Protocol

from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import Event, LineOutcome, ParsedLine, RejectedLine
from tidelake.contract.schema import APP_EVENT, CHANGE_DATA, SENSOR, SOURCES, WEB_LOG
from tidelake.sources.events import EventBuilder
from tidelake.sources.files import Line
from tidelake.sources.options import SourceOptions
from tidelake.sources.synthetic.app_event import AppEventLines
from tidelake.sources.synthetic.change_data import ChangeDataLines
from tidelake.sources.synthetic.draw import Draw
from tidelake.sources.synthetic.sensor import SensorLines
from tidelake.sources.synthetic.web_log import WebLogLines

START = datetime(2026, 3, 2, tzinfo=UTC)
"""Event time of the first event, unless another one is asked for."""

LATE_HOURS = 48
"""Late events happened from one to this many hours before their neighbours."""

REPEATABLE_EVENTS = 1_000
"""A duplicate repeats one of this many good events before it."""

UNCONVERTIBLE: Event = {"event_time": "yesterday"}
"""No timestamp of any format that Firehose converts."""

BREAKING: Mapping[str, Event] = {
    WEB_LOG.name: {"status": 999},
    SENSOR.name: {"quality": "unknown"},
    CHANGE_DATA.name: {"operation": "MERGE"},
    APP_EVENT.name: {"quantity": 0},
}
"""What converts, since its type is right, and breaks a rule of the field table."""


class LineGenerator(Protocol):
    """Makes the lines of one source."""

    def line(self, at: datetime) -> str:
        """A line that holds an event of that time."""

    def refused_line(self, at: datetime) -> str:
        """A line that is refused."""


LINE_GENERATORS: Mapping[str, Callable[[Draw], LineGenerator]] = {
    WEB_LOG.name: WebLogLines,
    SENSOR.name: SensorLines,
    CHANGE_DATA.name: ChangeDataLines,
    APP_EVENT.name: AppEventLines,
}


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """What is simulated. `mix` weighs the sources; the shares are of all lines.

    The event times run from `start` on at `events_per_second`. The same options give the same
    events, their ids included; another `seed` gives others.
    """

    mix: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 1))
    bad_share: float = 0.01
    late_share: float = 0.02
    duplicate_share: float = 0.01
    seed: int = 1
    start: datetime = START
    events_per_second: float = 1_000.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.mix if name not in SOURCES]
        if unknown or not self.mix or min(self.mix.values()) < 1:
            allowed = f"weights of 1 or more for some of {', '.join(SOURCES)}"
            raise ConfigurationError("mix", dict(self.mix), allowed)
        shares = (self.bad_share, self.late_share, self.duplicate_share)
        if min(shares) < 0 or sum(shares) > 1:
            raise ConfigurationError("shares", shares, "from 0 to 1, and together at most 1")


@dataclass(slots=True)
class SourceTruth:
    """What a simulation made of one source: lines = good + late + duplicates + the bad ones.

    `refused` cannot be sent, `unconvertible` fails the conversion to Parquet, `breaking` passes
    it and breaks the field table. `events` counts different events that are right.
    """

    good: int = 0
    late: int = 0
    duplicates: int = 0
    refused: int = 0
    unconvertible: int = 0
    breaking: int = 0

    @property
    def lines(self) -> int:
        return sum(asdict(self).values())

    @property
    def events(self) -> int:
        return self.good + self.late

    @property
    def sent(self) -> int:
        return self.lines - self.refused


class Simulation:
    """An endless input of many sources. For one iteration; `truth` grows with it."""

    def __init__(self, options: SimulationOptions) -> None:
        self.truth: dict[str, SourceTruth] = {name: SourceTruth() for name in options.mix}
        """Exact counts by source of the lines given so far."""
        self._options = options
        self._draw = Draw(options.seed)
        self._sources = [_SimulatedSource(name, options.seed) for name in options.mix]
        self._bounds = list(accumulate(options.mix.values()))
        self._bad = 0

    def __iter__(self) -> Iterator[LineOutcome]:
        number = 0
        interval = timedelta(seconds=1 / self._options.events_per_second)
        while True:
            number += 1
            yield self._next(number, self._options.start + interval * number)

    def _next(self, number: int, at: datetime) -> LineOutcome:
        draw, options = self._draw, self._options
        source = self._sources[bisect(self._bounds, draw.below(self._bounds[-1]))]
        truth = self.truth[source.name]
        chance = draw.share()
        if chance < options.bad_share:
            return self._next_bad(source, truth, number, at)
        chance -= options.bad_share
        if chance < options.late_share:
            truth.late += 1
            return source.parsed(number, at - timedelta(hours=1 + draw.below(LATE_HOURS)))
        chance -= options.late_share
        if chance < options.duplicate_share and source.repeatable:
            truth.duplicates += 1
            return draw.one_of(source.repeatable)
        truth.good += 1
        return source.parsed(number, at)

    def _next_bad(
        self, source: _SimulatedSource, truth: SourceTruth, number: int, at: datetime
    ) -> LineOutcome:
        self._bad += 1
        if self._bad % 3 == 1:
            truth.refused += 1
            return source.refused(number, at)
        if self._bad % 3 == 2:
            truth.unconvertible += 1
            return source.spoilt(number, at, UNCONVERTIBLE)
        truth.breaking += 1
        return source.spoilt(number, at, BREAKING[source.name])


class _SimulatedSource:
    """The lines of one source, and what becomes of them."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.repeatable: list[ParsedLine] = []
        """The last good events, in no order."""
        # Sources that share a seed must not share their draws.
        self._lines = LINE_GENERATORS[name](Draw(seed * len(SOURCES) + list(SOURCES).index(name)))
        self._builder = EventBuilder(name, SourceOptions(origin=f"simulation {seed}"))
        self._offset = 0
        self._count = 0

    def parsed(self, number: int, at: datetime) -> ParsedLine:
        """A line that holds an event, for duplicates to repeat."""
        parsed = self._parsed(number, at)
        if len(self.repeatable) < REPEATABLE_EVENTS:
            self.repeatable.append(parsed)
        else:
            self.repeatable[self._count % REPEATABLE_EVENTS] = parsed
        self._count += 1
        return parsed

    def spoilt(self, number: int, at: datetime, changes: Event) -> ParsedLine:
        """An event that was valid until its fields were changed."""
        parsed = self._parsed(number, at)
        parsed.event.update(changes)
        return parsed

    def refused(self, number: int, at: datetime) -> RejectedLine:
        """A line that holds no event."""
        outcome = self._outcome(number, self._lines.refused_line(at))
        assert isinstance(outcome, RejectedLine)  # noqa: S101 - what the generator promises
        return outcome

    def _parsed(self, number: int, at: datetime) -> ParsedLine:
        outcome = self._outcome(number, self._lines.line(at))
        assert isinstance(outcome, ParsedLine)  # noqa: S101 - what the generator promises
        return outcome

    def _outcome(self, number: int, text: str) -> LineOutcome:
        content = text.encode()
        line = Line(number, self._offset, content, oversize=False)
        self._offset += len(content) + 1
        return self._builder.outcome(line, b"")
