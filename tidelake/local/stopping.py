"""Ending an endless run in an orderly way: on SIGTERM, and on the first Ctrl-C."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_SLICE_SECONDS = 0.1


_Line = TypeVar("_Line")


class _StopReading(BaseException):
    """Raised by the signal's handler where the run waits for input."""


class Stop:
    """Whether the run is to end. A plain flag: a signal's handler must not take a lock."""

    def __init__(self) -> None:
        self.requested = False
        self.is_reading = False

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
        if stop.is_reading:
            raise _StopReading

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def until_stopped(lines: Iterable[_Line], stop: Stop) -> Iterator[_Line]:
    """Lines until the run is to end, also where reading the next one would wait for ever.

    What the lines are used for is never interrupted.
    """
    coming = iter(lines)
    while not stop.requested:
        try:
            stop.is_reading = True
            line = next(coming)
        except (StopIteration, _StopReading):
            return
        finally:
            stop.is_reading = False
        yield line
