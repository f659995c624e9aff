"""Running an outside command: a time limit, a heartbeat, a log file, and no process left behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tidelake.contract.errors import CommandError
from tidelake.local.supervise import SupervisedProcess, start_supervised

HEARTBEAT_SECONDS = 0.5
TAIL_LINES = 15


def run_command(
    command: Sequence[str],
    *,
    what: str,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    limit_seconds: float,
    heartbeat: Callable[[], None],
) -> None:
    """Run `command` to its end, its output in `log`; call `heartbeat` about twice a second.

    Raises CommandError, with the end of the log, when it exits with anything but 0 or is still
    running after `limit_seconds`. However this function ends, the command's processes are gone.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + limit_seconds
    with log.open("wb") as output:
        process = start_supervised(command, cwd=cwd, env=env, output=output)
        try:
            status = _wait(process, deadline, heartbeat)
        finally:
            process.stop()
    if status is None:
        raise CommandError(
            f"{what} was still running after {limit_seconds:.0f} s, its limit; {_end_of(log)}"
        )
    if status != 0:
        raise CommandError(f"{what} ended with exit status {status}; {_end_of(log)}")


def _wait(process: SupervisedProcess, deadline: float, heartbeat: Callable[[], None]) -> int | None:
    """The exit status, or None when the deadline passed first."""
    while time.monotonic() < deadline:
        try:
            return process.wait(HEARTBEAT_SECONDS)
        except subprocess.TimeoutExpired:
            heartbeat()
    return None


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, for a person."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _end_of(log: Path) -> str:
    text = tail(log.read_text(errors="replace"))
    return f"the end of {log}:\n{text}" if text else f"{log} is empty"
