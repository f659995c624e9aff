from __future__ import annotations

import json

import pytest

from lambda_src.telemetry import log, publish
from tidelake.contract.metrics import Metric


def test_a_log_line_is_one_line_of_json_whatever_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log("batch handled", objects=3, step="a\nb")

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "level": "INFO",
        "message": "batch handled",
        "objects": 3,
        "step": "a\nb",
    }


def test_published_counts_are_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    publish({Metric.STEPS_FAILED: 2}, environment="prod")

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["StepsFailed"] == 2
    assert json.loads(line)["Environment"] == "prod"
