"""What is tried again, and what is not."""

from __future__ import annotations

import pytest

from spark_jobs.retries import ATTEMPTS, retried
from tests.spark_jobs.java_fakes import SparkError

CONFLICT = "org.apache.iceberg.exceptions.ValidationException"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("spark_jobs.retries.time.sleep", taken.append)
    return taken


def test_a_commit_that_loses_a_race_is_tried_again_after_a_pause(pauses: list[float]) -> None:
    outcomes: list[Exception | str] = [
        SparkError("org.apache.spark.SparkException", CONFLICT),
        "done",
    ]

    def commit() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retried(commit) == "done"
    assert len(pauses) == 1
    assert 0 <= pauses[0] <= 0.5


def test_the_last_conflict_is_raised_after_a_bounded_number_of_attempts(
    pauses: list[float],
) -> None:
    attempts = []

    def commit() -> None:
        attempts.append(1)
        raise SparkError(CONFLICT)

    with pytest.raises(SparkError):
        retried(commit)
    assert (len(attempts), len(pauses)) == (ATTEMPTS, ATTEMPTS - 1)
    assert max(pauses) <= 30


def test_another_error_is_raised_at_once(pauses: list[float]) -> None:
    def commit() -> None:
        raise SparkError("org.apache.spark.SparkException", "java.net.ConnectException")

    with pytest.raises(SparkError):
        retried(commit)
    assert pauses == []
