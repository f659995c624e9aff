"""Waiting for a pipeline to get somewhere, with a limit that progress restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tidelake.contract.errors import PipelineError

POLL_SECONDS = 0.5

T = TypeVar("T")


def wait_until(
    observe: Callable[[], T],
    done: Callable[[T], bool],
    *,
    what: str,
    limit_seconds: float,
    heartbeat: Callable[[T], None],
) -> T:
    """Observe until `done`, about twice a second; returns the last observation.

    Raises PipelineError when nothing has changed for `limit_seconds`; whatever `observe` raises
    passes through.
    """
    seen = observe()
    changed = time.monotonic()
    while not done(seen):
        heartbeat(seen)
        if time.monotonic() - changed > limit_seconds:
            raise PipelineError(f"{what}: nothing has changed for {limit_seconds:.0f} s; at {seen}")
        time.sleep(POLL_SECONDS)
        now = observe()
        if now != seen:
            seen, changed = now, time.monotonic()
    heartbeat(seen)
    return seen
