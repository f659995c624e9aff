"""Ending an endless run in an orderly way: on SIGTERM, and on the first Ctrl-C."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SLICE_SECONDS = 0.1


class Stop:
    """Whether the run is to end. A plain flag: a signal's handler must not take a lock."""

    def __init__(self) -> None:
        self.requested = False

    def is_requested(self) -> bool:
        return self.requested

    def sleep(self, seconds: float) -> None:
        """Sleep, but not much longer than until the run is to end."""
        end = time.monotonic() + seconds
        while not self.requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_SECONDS))


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Let SIGTERM and Ctrl-C ask for the end while the block runs; a second Ctrl-C interrupts."""
    stop = Stop()

    def ask(number: int, _: FrameType | None) -> None:
        if stop.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.requested = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
