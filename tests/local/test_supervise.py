from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidelake.local import supervise
from tidelake.local.supervise import SupervisedProcess, start_supervised

PROJECT_DIR = Path(__file__).parents[2]

FAMILY = ["sh", "-c", "sleep 300 & echo ready; wait"]
"""A command with a child; both hold the output open for as long as they live."""

STUBBORN = ["sh", "-c", "trap '' TERM HUP INT; echo ready; while :; do sleep 1; done"]


class Output:
    """The reading end of a pipe that ends when every process that writes to it is gone."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        self.writer = os.fdopen(writer, "wb")

    def next(self, seconds: float = 20) -> bytes:
        readable, _, _ = select.select([self.reader], [], [], seconds)
        assert readable, f"neither output nor the end of it within {seconds} s"
        return os.read(self.reader, 1000)

    def has_ended(self, seconds: float = 20) -> bool:
        return self.next(seconds) == b""


@pytest.fixture
def output() -> Iterator[Output]:
    output = Output()
    yield output
    output.writer.close()
    os.close(output.reader)


def start(command: list[str], output: Output, grace_seconds: float = 5) -> SupervisedProcess:
    process = start_supervised(
        command, env=os.environ, cwd=Path("/"), output=output.writer, grace_seconds=grace_seconds
    )
    output.writer.close()
    return process


def start_parent(command: list[str], output: Output) -> int:
    """Start a process that starts `command` and then waits; returns its process id."""
    program = (
        "import sys, time; from pathlib import Path; "
        "from tidelake.local.supervise import start_supervised; "
        f"p = start_supervised({command!r}, env={{'PATH': '/usr/bin:/bin'}}, cwd=Path('/'), "
        "output=sys.stdout.buffer); "
        "print(p.pid, file=sys.stderr, flush=True); time.sleep(300)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT_DIR,
        stdout=output.writer,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        # A shell's background jobs ignore SIGINT, and so would all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    output.writer.close()
    assert parent.stderr is not None
    parent.stderr.readline()
    return parent.pid


def test_exit_status_of_the_command_is_handed_on(output: Output) -> None:
    assert start(["sh", "-c", "exit 7"], output).wait(20) == 7


def test_signal_that_ended_the_command_is_reported_as_a_shell_does(output: Output) -> None:
    assert start(["sh", "-c", "kill -9 $$"], output).wait(20) == 137


def test_command_that_cannot_be_started_says_so_and_exits_with_127(output: Output) -> None:
    process = start(["/no/such/program"], output)

    assert process.wait(20) == 127
    assert output.next() == b"cannot start '/no/such/program': No such file or directory\n"


def test_options_of_the_command_are_its_own(output: Output) -> None:
    start(["echo", "--grace-seconds", "--", "-x"], output).wait(20)

    assert output.next() == b"--grace-seconds -- -x\n"


def test_stop_ends_the_command_and_its_children(output: Output) -> None:
    process = start(FAMILY, output)
    assert output.next() == b"ready\n"

    process.stop()

    assert output.has_ended(0)


def test_stop_ends_by_force_what_ignores_a_request(output: Output) -> None:
    process = start(STUBBORN, output, grace_seconds=0.5)
    assert output.next() == b"ready\n"

    assert process.stop() == 137
    assert output.has_ended(0)


def test_children_that_a_finished_command_left_behind_are_ended(output: Output) -> None:
    process = start(["sh", "-c", "sleep 300 & exit 3"], output)

    assert process.wait(20) == 3
    assert output.has_ended(0)


def test_stop_all_ends_every_command_of_this_process(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The local AWS that other tests share is a command of this process too.
    monkeypatch.setattr(supervise, "_started", [])
    start(FAMILY, output)
    assert output.next() == b"ready\n"

    supervise.stop_all()

    assert output.has_ended(0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_command_and_its_children_end_with_a_parent_that_is_killed(
    output: Output, number: signal.Signals
) -> None:
    parent = start_parent(FAMILY, output)
    assert output.next() == b"ready\n"

    os.kill(parent, number)
    os.waitpid(parent, 0)

    assert output.has_ended()


def test_command_reads_the_end_of_its_input_when_its_supervisor_is_killed(output: Output) -> None:
    process = start(["sh", "-c", "echo ready; cat"], output)
    assert output.next() == b"ready\n"

    os.kill(process.pid, signal.SIGKILL)

    assert output.has_ended()


def test_detached_command_outlives_its_parent_and_ends_on_a_request(output: Output) -> None:
    process = start(FAMILY, output)
    assert output.next() == b"ready\n"
    process.detach()
    time.sleep(0.5)
    assert process.poll() is None

    os.kill(process.pid, signal.SIGTERM)

    assert output.has_ended()
