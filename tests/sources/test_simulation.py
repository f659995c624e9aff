from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import islice

import pytest

from tidelake.contract.errors import ConfigurationError, InvalidEventError
from tidelake.contract.events import Event, LineOutcome, ParsedLine, RejectedLine
from tidelake.contract.schema import SOURCES
from tidelake.sources.simulation import Simulation, SimulationOptions, SourceTruth
from tidelake.sources.validate import validator_for

COUNT = 6_000
MIX = {"web_log": 5, "sensor": 3, "change_data": 2, "app_event": 4}


def simulated(**options: object) -> tuple[list[LineOutcome], dict[str, SourceTruth]]:
    simulation = Simulation(
        SimulationOptions(mix=MIX, bad_share=0.03, **options)  # type: ignore[arg-type]
    )
    return list(islice(simulation, COUNT)), simulation.truth


def parsed(outcomes: list[LineOutcome], source: str) -> list[Event]:
    return [
        found.event
        for found in outcomes
        if isinstance(found, ParsedLine) and found.event["source"] == source
    ]


def rule_broken(event: Event) -> str | None:
    try:
        validator_for(SOURCES[str(event["source"])]).check(event)
    except InvalidEventError as error:
        return str(error).split(":")[0]
    return None


def test_the_same_seed_gives_the_same_events_and_another_seed_others() -> None:
    def contents(seed: int) -> list[Event | str]:
        found = simulated(seed=seed)[0]
        return [
            {name: value for name, value in line.event.items() if name != "ingest_time"}
            if isinstance(line, ParsedLine)
            else str(line)
            for line in found
        ]

    assert contents(1) == contents(1)
    ids = [
        {str(line.event["event_id"]) for line in simulated(seed=seed)[0]
         if isinstance(line, ParsedLine)}
        for seed in (1, 2)
    ]  # fmt: skip
    assert not ids[0] & ids[1]


def test_the_truth_counts_every_line_once() -> None:
    outcomes, truth = simulated()
    assert len(outcomes) == COUNT
    assert sum(counts.lines for counts in truth.values()) == COUNT
    for source, counts in truth.items():
        assert len(parsed(outcomes, source)) == counts.sent
        refused = [line for line in outcomes if isinstance(line, RejectedLine)]
        assert sum(line.source == source for line in refused) == counts.refused


@pytest.mark.parametrize("source", MIX)
def test_what_is_spoilt_breaks_what_the_truth_says_and_nothing_else_does(source: str) -> None:
    outcomes, truth = simulated()
    broken = Counter(rule_broken(event) for event in parsed(outcomes, source))
    counts = truth[source]
    own_rule = {
        "web_log": "status", "sensor": "quality", "change_data": "operation",
        "app_event": "quantity",
    }[source]  # fmt: skip
    assert broken == {
        None: counts.events + counts.duplicates,
        "event_time": counts.unconvertible,
        own_rule: counts.breaking,
    }


def test_duplicates_share_an_id_with_an_event_of_their_own_and_nothing_else_does() -> None:
    outcomes, truth = simulated()
    for source, counts in truth.items():
        events = parsed(outcomes, source)
        assert len(events) - len({event["event_id"] for event in events}) == counts.duplicates


def test_late_events_are_older_than_their_neighbours() -> None:
    outcomes, truth = simulated()
    late = [
        event
        for source in MIX
        for event in parsed(outcomes, source)
        if str(event["event_time"])[:19] < "2026-03-02T00:00:00"
    ]
    ids = {event["event_id"] for event in late}
    assert len(ids) == sum(counts.late for counts in truth.values())


def test_the_bad_ones_come_in_equal_parts_and_the_shares_are_kept() -> None:
    _, truth = simulated()
    sums: Counter[str] = Counter()
    for counts in truth.values():
        sums.update(asdict(counts))
    bad = [sums["refused"], sums["unconvertible"], sums["breaking"]]
    assert max(bad) - min(bad) <= 1
    assert 0.02 < sum(bad) / COUNT < 0.04
    assert 0.01 < sums["late"] / COUNT < 0.03
    assert 0.005 < sums["duplicates"] / COUNT < 0.015


def test_the_mix_weighs_the_sources() -> None:
    _, truth = simulated()
    assert truth["web_log"].lines > truth["app_event"].lines > truth["sensor"].lines
    assert truth["sensor"].lines > truth["change_data"].lines > COUNT / 14


def test_event_times_run_at_the_rate() -> None:
    simulation = Simulation(
        SimulationOptions(
            mix={"app_event": 1}, bad_share=0, late_share=0, duplicate_share=0, events_per_second=10
        )
    )
    found = [
        line.event["event_time"] for line in islice(simulation, 20) if isinstance(line, ParsedLine)
    ]
    assert (found[0], found[-1]) == ("2026-03-02T00:00:00.1Z", "2026-03-02T00:00:02Z")


@pytest.mark.parametrize(
    "options",
    [{"mix": {"weblog": 1}}, {"mix": {}}, {"mix": {"sensor": 0}}, {"bad_share": -0.1},
     {"bad_share": 0.5, "late_share": 0.6}],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        SimulationOptions(**options)  # type: ignore[arg-type]
