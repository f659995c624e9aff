"""What the benchmarks share."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from rich.console import Console

from benches.harness import Sample, Target, interleaved, report, timed_process


def test_runs_are_interleaved_and_the_median_counts() -> None:
    order: list[str] = []
    seconds = {"ours": iter([9.0, 1.0, 2.0]), "peer": iter([4.0, 6.0, 5.0])}

    def run(name: str) -> Sample:
        order.append(name)
        return Sample(cpu_seconds=next(seconds[name]), wall_seconds=10.0)

    medians = interleaved({"ours": lambda: run("ours"), "peer": lambda: run("peer")}, rounds=3)
    assert order == ["ours", "peer"] * 3
    assert medians == {"ours": Sample(2.0, 10.0), "peer": Sample(5.0, 10.0)}


def test_the_cpu_of_a_process_that_was_waited_for_counts() -> None:
    sample = timed_process([sys.executable, "-c", "sum(range(10_000_000))"])
    assert sample.cpu_seconds > 0.05


def test_a_report_says_what_was_missed_to_a_person_a_program_and_a_shell(tmp_path: Path) -> None:
    text = io.StringIO()
    status = report(
        "parser",
        [{"subject": "ours", "CPU s": 1.5}],
        [Target("ours / peer", 1.5, at_most=1.0), Target("events a second", 9.0, at_least=5.0)],
        console=Console(file=text, width=100),
        folder=tmp_path,
    )
    assert status == 1
    assert "ours / peer: 1.50, at most 1: MISSED" in text.getvalue()
    assert "events a second: 9.00, at least 5: met" in text.getvalue()
    written = json.loads((tmp_path / "parser.json").read_text())
    assert written["rows"] == [{"subject": "ours", "CPU s": 1.5}]
    assert [target["met"] for target in written["targets"]] == [False, True]
