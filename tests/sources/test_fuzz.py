"""Whatever a line holds: one outcome, bounded memory, linear time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT_DIR


def read_fuzzed(count: int, folder: Path) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.sources.fuzzing", str(count), str(folder)],
        cwd=PROJECT_DIR, capture_output=True, text=True, check=True,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(run.stdout)
    return report


@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_every_fuzzed_line_is_an_event_rejected_or_skipped(count: int, tmp_path: Path) -> None:
    report = read_fuzzed(count, tmp_path)
    outcomes = report["outcomes"]
    assert report["written"] == count
    assert sum(outcomes.values()) == count
    assert outcomes["ParsedLine"] > count / 4
    assert outcomes["RejectedLine"] > count / 4
    assert report["peak_mib"] < 300


@pytest.mark.slow
def test_twice_the_lines_take_at_most_three_times_as_long(tmp_path: Path) -> None:
    once, twice = (read_fuzzed(count, tmp_path) for count in (25_000, 50_000))
    assert twice["cpu"] < 3 * once["cpu"]
