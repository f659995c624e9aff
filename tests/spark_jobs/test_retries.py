"""What is tried again, and what is not."""

from __future__ import annotations

import pytest

from spark_jobs.retries import ATTEMPTS, retried


class JavaFake:
    """As much of a Java exception as is looked at."""

    def __init__(self, name: str, cause: JavaFake | None = None) -> None:
        self._name, self._cause = name, cause

    def getClass(self) -> JavaFake:  # noqa: N802  Java's names
        return self

    def getName(self) -> str:  # noqa: N802
        return self._name

    def getMessage(self) -> str:  # noqa: N802
        return ""

    def getCause(self) -> JavaFake | None:  # noqa: N802
        return self._cause


class SparkError(Exception):
    def __init__(self, *names: str) -> None:
        self.java_exception: JavaFake | None = None
        for name in reversed(names):
            self.java_exception = JavaFake(name, self.java_exception)


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
