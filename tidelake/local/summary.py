"""The run's summary: what went in, what came out at every hop, and whether the two agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tidelake.client.send import InputCounts
from tidelake.contract.schema import WEB_LOG
from tidelake.lake.ledger import CuratedCounts
from tidelake.lake.results import Results
from tidelake.sources.simulation import SourceTruth


@dataclass(frozen=True, kw_only=True)
class StreamCounts:
    """Kinesis records, and the events that they hold."""

    records: int
    events: int


@dataclass(frozen=True, kw_only=True)
class RawCounts:
    """The raw zone: its objects, their events, and the records that Firehose set aside."""

    objects: int
    events: int
    conversion_failed: int

    @property
    def records(self) -> int:
        return self.events + self.conversion_failed


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """One EMR step; `seconds` counts from its start to its end."""

    id: str
    name: str
    state: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StageSeconds:
    """Wall time of the stages, and from the start to the results; the destroy comes after.

    `deploy` includes the bootstrap; `deliver` and `process` are what was waited for.
    """

    deploy: float
    send: float
    deliver: float
    process: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that `summary.json` holds."""

    input: InputCounts
    stream: StreamCounts
    raw: RawCounts
    steps: list[StepOutcome]
    curated: CuratedCounts
    results: Results
    seconds: StageSeconds
    truth: dict[str, SourceTruth] | None = None
    """What a simulation made of each source; None for a file."""
    differences: list[str] = field(default_factory=list)
    """What `tidelake check` found, each with its place."""

    def imbalances(self) -> list[str]:
        """Every hop where in is not out + set aside; empty when each event is accounted for.

        Records may repeat on the way (every hop before the tables is at least once), so the hop
        into the raw zone must lose none, and the distinct events must all be at the end.
        """
        curated, results = self.curated, self.results
        requests = results.events_by_source.get(WEB_LOG.name, 0)
        hops = [
            ("lines in the input", self.input.lines, "accepted, rejected or skipped", self._lines),
            ("distinct events", self._distinct, "on the data stream", self.stream.events),
            ("raw events", self.raw.events, "curated, duplicate or quarantined", curated.read),
            ("events on the data stream", self.stream.events, "at the end", self._events_out),
            ("curated events", curated.events, "counted by hour", _total(results.events_by_hour)),
            ("web requests", requests, "counted by status", _total(results.events_by_status)),
            *self._made(),
        ]
        found = [
            f"{came_in:,} {what}, but {went_out:,} {where}"
            for what, came_in, where, went_out in hops
            if came_in != went_out
        ]
        if self.raw.records < self.stream.records:
            found.append(
                f"{self.stream.records:,} records on the data stream, but {self.raw.records:,} "
                "in the raw zone or among its conversion failures"
            )
        return found + self.differences

    def _made(self) -> Iterator[tuple[str, int, str, int]]:
        """The same for what a simulation made: each kind must end where it belongs."""
        if self.truth is None:
            return
        made = self.truth.values()
        ends = (
            ("refused lines", sum(t.refused for t in made), "rejected", self.input.rejected),
            (
                "unconvertible events",
                sum(t.unconvertible for t in made),
                "conversion failures",
                self.raw.conversion_failed,
            ),
            (
                "events that break the contract",
                sum(t.breaking for t in made),
                "quarantined",
                self.curated.quarantined,
            ),
        )
        for what, count, where, found in ends:
            yield f"{what} made", count, where, found
        for source, truth in self.truth.items():
            curated = self.results.events_by_source.get(source, 0)
            yield f"{source} events made", truth.events, "curated", curated

    @property
    def _distinct(self) -> int:
        """Accepted events, those that a simulation sends twice once."""
        repeated = 0 if self.truth is None else sum(t.duplicates for t in self.truth.values())
        return self.input.accepted - repeated

    @property
    def _lines(self) -> int:
        return self.input.accepted + self.input.rejected + self.input.skipped

    @property
    def _events_out(self) -> int:
        return self.curated.events + self.curated.quarantined + self.raw.conversion_failed

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())
