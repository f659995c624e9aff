"""Run a command that cannot outlive its parent, on Linux and macOS.

Between the parent and the command stands a supervisor: this file, run as a program of its own. The
parent holds the only write end of the supervisor's standard input; when the parent ends, however
it ends, the kernel closes that pipe, and the supervisor ends the command's whole process group.
The command in turn reads the end of its own standard input when the supervisor is gone.

The program needs the standard library alone and runs isolated (`python -I`), so that it starts in
some 20 ms and nothing in the environment reaches it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

GRACE_SECONDS = 5.0
"""How long a command has between SIGTERM and SIGKILL, unless told otherwise."""

CANNOT_START = 127
"""Exit status of a command that could not be started; its error output says why."""

_DETACH = b"detach\n"
_started: list[SupervisedProcess] = []
_started_lock = threading.Lock()


class SupervisedProcess:
    """A running command that ends, with all its process group, when this process does."""

    def __init__(self, supervisor: subprocess.Popen[bytes]) -> None:
        self._supervisor = supervisor

    @property
    def pid(self) -> int:
        """Process id of the supervisor: SIGTERM to it ends the command and its group."""
        return self._supervisor.pid

    def poll(self) -> int | None:
        """The command's exit status, or None while it runs; 128 + n if signal n ended it."""
        return self._supervisor.poll()

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for the exit status; raises subprocess.TimeoutExpired."""
        return self._supervisor.wait(timeout_seconds)

    def stop(self) -> int:
        """End the command and its group, gently and then by force; returns the exit status.

        Takes at most the grace seconds that it was started with, and a moment.
        """
        self.request_stop()
        return self._supervisor.wait()

    def request_stop(self) -> None:
        """Begin to end the command, without waiting."""
        if self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.close()

    def detach(self) -> None:
        """Let the command outlive this process; SIGTERM to `pid` still ends it."""
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.write(_DETACH)
        self.request_stop()


def start_supervised(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes],
    errors: IO[bytes] | None = None,
    grace_seconds: float = GRACE_SECONDS,
    inherited_fds: Sequence[int] = (),
) -> SupervisedProcess:
    """Start `command` so that it cannot outlive this process.

    Its standard output goes to `output` and its errors to `errors`, or to `output` as well. It
    runs in a session of its own, so Ctrl-C in the terminal does not reach it. The supervisor, not
    the command, keeps `inherited_fds` open for as long as it lives.
    """
    supervisor = subprocess.Popen(  # noqa: S603  the command is the caller's, never a shell's
        [
            sys.executable,
            "-I",
            str(Path(__file__).resolve()),
            f"--grace-seconds={grace_seconds}",
            "--",
            *command,
        ],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if errors is None else errors,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
        pass_fds=inherited_fds,
    )
    process = SupervisedProcess(supervisor)
    with _started_lock:
        _started[:] = [*_running(), process]
    return process


def _running() -> list[SupervisedProcess]:
    return [process for process in _started if process.poll() is None]


def stop_all() -> None:
    """End every command that this process started and that still runs, all at the same time."""
    with _started_lock:
        running = _running()
    for process in running:
        process.request_stop()
    for process in running:
        process.wait()


def main(arguments: Sequence[str]) -> int:
    """Supervise one command; returns its exit status."""
    parser = argparse.ArgumentParser(description="Run a command that ends with its parent.")
    parser.add_argument("--grace-seconds", type=float, required=True)
    parser.add_argument("command", nargs="+")
    parsed = parser.parse_args(arguments)
    signals = _signals_as_bytes()
    try:
        child = subprocess.Popen(  # noqa: S603  see start_supervised
            parsed.command, stdin=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        sys.stderr.write(f"cannot start {parsed.command[0]!r}: {error.strerror}\n")
        return CANNOT_START
    if not _ended_by_itself(child, signals):
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(parsed.grace_seconds)
    # Also after a command that ended by itself: what it started ends with it.
    _signal_group(child, signal.SIGKILL)
    status = child.wait()
    return status if status >= 0 else 128 - status


def _signals_as_bytes() -> int:
    """A file descriptor that yields one byte, the signal's number, for every signal received."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return reader


def _ended_by_itself(child: subprocess.Popen[bytes], signals: int) -> bool:
    """Wait until the command ends (True), or the parent is gone or asks to stop (False)."""
    parent = sys.stdin.fileno()
    watched = [parent, signals]
    received = b""
    while child.poll() is None:
        readable, _, _ = select.select(watched, [], [])
        if signals in readable and set(os.read(signals, 4096)) != {signal.SIGCHLD}:
            return False
        if parent in readable:
            chunk = os.read(parent, 4096)
            received += chunk
            if not chunk:
                if received != _DETACH:
                    return False
                watched = [signals]
    return True


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The child leads its group, so the group's id is its pid, and stays so while a member lives.
    # macOS answers EPERM for a group of which only an unreaped leader is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
