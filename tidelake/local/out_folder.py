"""The folder that one run writes to, and no other at the same time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tidelake.contract.errors import ConfigurationError

LOCK_FILE = ".lock"
RUNNING = "running\n"
"""What is in it while a run holds it, so that it stays there when the run is killed."""


@contextmanager
def claimed(out: Path) -> Iterator[bool]:
    """Make the folder, and hold it for the length of the block; yields whether the run before this
    one was cut short: killed, or its machine went down.

    Raises ConfigurationError when it cannot be written to, or another run holds it; then nothing
    in it has changed. The lock goes with the process, however that ends.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK_FILE).open("a+")
    except OSError as error:
        allowed = f"a folder that can be written to ({error.strerror})"
        raise ConfigurationError("--out", str(out), allowed) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                "--out", str(out), "a folder that no other run is writing to"
            ) from error
        lock.seek(0)
        was_cut_short = bool(lock.read())
        _write(lock, RUNNING)
        try:
            yield was_cut_short
        finally:
            _write(lock, "")


def _write(lock: IO[str], text: str) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()
