"""Running the commands as a user does: other processes, a folder, an exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).parents[2]
RUN_LIMIT_SECONDS = 400
GONE_LIMIT_SECONDS = 20


@dataclass(frozen=True)
class Shell:
    """Runs commands in a project folder, all marked, so that what they leave can be found."""

    project_dir: Path
    mark: str

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "TIDELAKE_TEST_RUN": self.mark,
            # A copied project must run its own code, not that of the project it was copied from.
            "PYTHONPATH": str(self.project_dir),
            # Rich must not wrap what the tests look for.
            "COLUMNS": "200",
        }

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.project_dir,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT_SECONDS,
            check=False,
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.project_dir,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def processes(self, folder: Path) -> list[str]:
        """Command lines of the living processes that its commands, or their children, started.

        They are known by the mark, or, as the local AWS passes nothing of the shell on to what it
        runs, by `folder`, the run's own, in their environment or command line.
        """
        needles = (f"TIDELAKE_TEST_RUN={self.mark}".encode(), str(folder).encode())
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                if any(n in (process / "environ").read_bytes() or n in command for n in needles):
                    found.append(command.replace(b"\0", b" ").decode())
            except (OSError, ProcessLookupError):
                continue  # it ended meanwhile
        return found

    def processes_left(self, folder: Path) -> list[str]:
        """What is still there after a moment in which everything may end."""
        deadline = time.monotonic() + GONE_LIMIT_SECONDS
        while (left := self.processes(folder)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left


def new_shell(project_dir: Path = PROJECT_DIR) -> Shell:
    return Shell(project_dir, uuid.uuid4().hex)


@pytest.fixture
def shell() -> Shell:
    return new_shell()


def copy_project(target: Path) -> Shell:
    """A copy of the project, set up with the same tools, that a test may change."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (PROJECT_DIR / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_DIR / name, target / name)
    for tools in (".venv", "node_modules", ".ivy"):
        (target / tools).symlink_to(PROJECT_DIR / tools)
    project = new_shell(target)
    setup = project.run(".venv/bin/tidelake", "local", "setup")
    assert setup.returncode == 0, setup.stderr
    return project


@pytest.fixture
def copied_project(tmp_path: Path) -> Callable[[], Shell]:
    """Makes a copy of the project that a test may change."""
    return lambda: copy_project(tmp_path / "project")
