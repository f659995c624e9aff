"""Waiting ends: when it is done, or when nothing moves any more."""

from __future__ import annotations

import time

import pytest

from tidelake.contract.errors import PipelineError
from tidelake.local.waiting import wait_until


@pytest.fixture(autouse=True)
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which only sleeping takes time."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now)


def test_what_was_waited_for_is_returned() -> None:
    counts = iter([1, 2, 3])
    seen: list[int] = []

    result = wait_until(
        lambda: next(counts),
        lambda n: n == 3,
        what="Firehose",
        limit_seconds=10,
        heartbeat=seen.append,
    )

    assert result == 3
    assert seen == [1, 2, 3]


def test_standing_still_ends_the_wait_and_says_where() -> None:
    with pytest.raises(PipelineError, match=r"^Firehose: nothing has changed for 10 s; at 7$"):
        wait_until(
            lambda: 7,
            lambda _: False,
            what="Firehose",
            limit_seconds=10,
            heartbeat=lambda _: None,
        )


def test_progress_restarts_the_limit() -> None:
    counts = iter(range(101))

    result = wait_until(
        lambda: next(counts),
        lambda n: n == 100,
        what="Firehose",
        limit_seconds=1,
        heartbeat=lambda _: None,
    )

    assert result == 100
