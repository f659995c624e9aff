"""Lines -> events: the web-log parser against a plain one, the validation against jsonschema's.

The peers do what is usually done: a regular expression, `strptime` and a dictionary for each line,
and `jsonschema.validate` for each event, which checks the schema itself every time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TypeAlias, TypeVar

import jsonschema  # type: ignore[import-untyped]  # it ships no types

from benches.harness import Sample, Target, interleaved, report, timed
from tidelake.contract.events import Event, ParsedLine
from tidelake.contract.schema import SOURCES, WEB_LOG, json_schema
from tidelake.sources.events import EventBuilder, events_of
from tidelake.sources.files import Line
from tidelake.sources.simulation import Simulation, SimulationOptions
from tidelake.sources.validate import validator_for
from tidelake.sources.web_log import parse_web_log

ROUNDS = 5
LINES = 20_000
PASSES = 10
"""What takes a microsecond or two is done this often: CPU time comes in hundredths of a second."""
PEER_EVENTS = 200
"""`jsonschema.validate` takes a millisecond or more for each."""

T = TypeVar("T")
Subject: TypeAlias = tuple[int, Callable[[], object]]
"""How many things it does, and what does them."""

SIMULATION = "simulation of four sources: made, parsed, validated"

PLAIN_LINE = re.compile(
    r"(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "
    r'"(?P<method>\S+) (?P<target>\S+) (?P<protocol>[^"]+)" (?P<status>\d+) (?P<size>\S+) '
    r'"(?P<referrer>[^"]*)" "(?P<agent>[^"]*)"'
)


_SCHEMA = json_schema(WEB_LOG)


def main() -> int:
    """Measure, report, and return the exit status."""
    by_source = {name: _events(name) for name in SOURCES}
    # As real logs are: of 10,000 real lines 3 have an escape, of the generated ones every third.
    texts = [text for line in by_source[WEB_LOG.name] if "\\" not in (text := line.raw.decode())]
    events = [line.event for line in by_source[WEB_LOG.name]]
    is_valid = validator_for(WEB_LOG).is_valid
    subjects: dict[str, Subject] = {
        "web_log: regular expression and strptime": _each(_plain, texts),
        "web_log: parse_web_log": _each(parse_web_log, texts, passes=PASSES),
        "validation: jsonschema.validate": _each(_validate_plainly, events[:PEER_EVENTS]),
        "validation: ours": _each(is_valid, events, passes=PASSES),
    }
    for name, parsed in by_source.items():
        subjects[f"{name}: line to valid event"] = (LINES, partial(_build, name, _lines(parsed)))
    subjects[SIMULATION] = (LINES, _simulate)
    medians = interleaved(
        {name: _timed(work) for name, (_, work) in subjects.items()}, rounds=ROUNDS
    )
    each = {name: medians[name].cpu_seconds / count * 1e6 for name, (count, _) in subjects.items()}
    rows: list[Mapping[str, str | float]] = [
        {"what": name, "CPU us each": round(figure, 2)} for name, figure in each.items()
    ]
    plain, ours, peer, validation = (each[name] for name in list(subjects)[:4])
    return report(
        "parsing",
        rows,
        [
            Target("CPU of the plain web-log parser / ours", plain / ours, at_least=5),
            Target("CPU us of a validation", validation, at_most=1),
            Target("CPU of jsonschema.validate / ours", peer / validation, at_least=1000),
            Target("simulated events a CPU second", 1e6 / each[SIMULATION], at_least=20_000),
        ],
    )


def _each(work: Callable[[T], object], items: Sequence[T], *, passes: int = 1) -> Subject:
    def all_of_them() -> None:
        for _ in range(passes):
            for item in items:
                work(item)

    return passes * len(items), all_of_them


def _timed(work: Callable[[], object]) -> Callable[[], Sample]:
    return lambda: timed(work)


def _events(source: str) -> list[ParsedLine]:
    simulation = Simulation(
        SimulationOptions(mix={source: 1}, bad_share=0, late_share=0, duplicate_share=0)
    )
    return [line for line in islice(simulation, LINES) if isinstance(line, ParsedLine)]


def _lines(parsed: Sequence[ParsedLine]) -> list[Line]:
    return [Line(number, number * 300, line.raw, False) for number, line in enumerate(parsed, 2)]


def _build(source: str, lines: Sequence[Line]) -> None:
    for _ in events_of(lines, EventBuilder(source)):
        pass


def _simulate() -> None:
    mix = {"web_log": 5, "sensor": 3, "change_data": 2, "app_event": 4}
    for _ in islice(Simulation(SimulationOptions(mix=mix)), LINES):
        pass


def _plain(text: str) -> Event | None:
    match = PLAIN_LINE.match(text)
    if match is None:
        return None
    found = match.groupdict()
    at = datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z")
    return {
        "event_time": at.astimezone(UTC).isoformat(),
        "client_address": found["client"],
        "method": found["method"],
        "target": found["target"],
        "protocol": found["protocol"],
        "status": int(found["status"]),
        "response_bytes": int(found["size"]) if found["size"] != "-" else 0,
        "referrer": found["referrer"],
        "user_agent": found["agent"],
    }


def _validate_plainly(event: Event) -> None:
    jsonschema.validate(event, _SCHEMA)


if __name__ == "__main__":
    sys.exit(main())
