"""Outside commands: their end, their limit, their log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tidelake.contract.errors import CommandError
from tidelake.local.command import run_command, tail


def run(program: str, tmp_path: Path, *, limit_seconds: float = 20) -> list[float]:
    beats: list[float] = []
    run_command(
        [sys.executable, "-c", program],
        what="the program",
        cwd=tmp_path,
        env=os.environ,
        log=tmp_path / "logs" / "program.log",
        limit_seconds=limit_seconds,
        heartbeat=lambda: beats.append(1.0),
    )
    return beats


def test_its_output_is_in_its_log(tmp_path: Path) -> None:
    run("print('done')", tmp_path)

    assert (tmp_path / "logs/program.log").read_text() == "done\n"


def test_a_long_one_shows_that_it_is_alive(tmp_path: Path) -> None:
    beats = run("import time; time.sleep(1.2)", tmp_path)

    assert len(beats) >= 1


def test_a_failure_tells_its_status_and_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        run("print('what went wrong'); raise SystemExit(3)", tmp_path)

    assert str(caught.value).splitlines() == [
        f"the program ended with exit status 3; the end of {tmp_path}/logs/program.log:",
        "what went wrong",
    ]


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"

    with pytest.raises(CommandError, match="still running after 1 s, its limit"):
        run(program, tmp_path, limit_seconds=1)

    pid = int((tmp_path / "logs/program.log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_end_of_a_log_is_its_last_fifteen_lines() -> None:
    text = "\n".join(str(n) for n in range(100)) + "\n\n"

    assert tail(text).splitlines() == [str(n) for n in range(85, 100)]
