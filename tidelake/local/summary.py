"""The run's summary: what went in, what came out at every hop, and whether the two agree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tidelake.client.send import InputCounts
from tidelake.contract.schema import WEB_LOG
from tidelake.local.ledger import CuratedCounts
from tidelake.local.results import Results


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

    def imbalances(self) -> list[str]:
        """Every hop where in is not out + set aside; empty when each event is accounted for.

        Records may repeat on the way (every hop before the tables is at least once), so the hop
        into the raw zone must lose none, and the distinct events must all be at the end.
        """
        curated, results = self.curated, self.results
        requests = results.events_by_source.get(WEB_LOG.name, 0)
        hops = (
            (
                "lines in the input",
                self.input.lines,
                "accepted, rejected, skipped",
                self._lines_out,
            ),
            ("accepted events", self.input.accepted, "on the data stream", self.stream.events),
            ("raw events", self.raw.events, "curated, duplicate or quarantined", curated.read),
            ("events on the data stream", self.stream.events, "at the end", self._events_out),
            ("curated events", curated.events, "counted by hour", _total(results.events_by_hour)),
            ("web requests", requests, "counted by status", _total(results.events_by_status)),
        )
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
        return found

    @property
    def _lines_out(self) -> int:
        return self.input.accepted + self.input.rejected + self.input.skipped

    @property
    def _events_out(self) -> int:
        return self.curated.events + self.curated.quarantined + self.raw.conversion_failed

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())
