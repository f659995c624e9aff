"""What a simulation spoils fails, or passes, the conversion as its truth says."""

from __future__ import annotations

import json
from itertools import islice

from tidelake.contract.events import ParsedLine
from tidelake.contract.schema import raw_fields
from tidelake.local.extension.firehose.conversion import convert
from tidelake.local.extension.firehose.documents import RowFormat
from tidelake.sources.simulation import Simulation, SimulationOptions

RAW_TABLE = RowFormat(columns=tuple((field.name, field.type.value) for field in raw_fields()))


def test_the_unconvertible_alone_fail_the_conversion() -> None:
    simulation = Simulation(SimulationOptions(bad_share=0.05))
    events = [line.event for line in islice(simulation, 4_000) if isinstance(line, ParsedLine)]
    converted = convert([json.dumps(event).encode() for event in events], RAW_TABLE)
    failed = [events[index]["event_time"] for index, _ in converted.failures]
    unconvertible = sum(counts.unconvertible for counts in simulation.truth.values())
    assert failed == ["yesterday"] * unconvertible
    assert len(failed) > 40
    assert converted.rows.num_rows == len(events) - unconvertible


def test_what_breaks_the_contract_arrives_as_it_was_spoilt() -> None:
    simulation = Simulation(SimulationOptions(bad_share=0.05))
    events = [line.event for line in islice(simulation, 4_000) if isinstance(line, ParsedLine)]
    rows = convert([json.dumps(event).encode() for event in events], RAW_TABLE).rows.to_pylist()
    for source, column, value in (
        ("web_log", "status", 999),
        ("sensor", "quality", "unknown"),
        ("change_data", "operation", "MERGE"),
        ("app_event", "quantity", 0),
    ):
        found = [row for row in rows if row["source"] == source and row[column] == value]
        assert len(found) == simulation.truth[source].breaking > 0
