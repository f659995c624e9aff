"""How the toolchain's set-up runs outside commands."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidelake.contract.errors import CommandError, ToolchainError
from tidelake.local.command import run_command

DOWNLOAD_LIMIT_SECONDS = 900
REPORT_EVERY_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Installer:
    """One set-up: the project it serves, the environment it looks in, where progress goes."""

    project_dir: Path
    environ: Mapping[str, str]
    report: Callable[[str], None]

    def run(self, what: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Run a command that downloads, with its output in a log, to its end or its time limit.

        Reports when it starts and every 10 s. Raises ToolchainError with the end of the log.
        """
        started = reported = time.monotonic()
        self.report(what)

        def heartbeat() -> None:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= REPORT_EVERY_SECONDS:
                reported = now
                self.report(f"{what}: {now - started:.0f} s so far")

        try:
            run_command(
                command,
                what=what,
                cwd=self.project_dir,
                env=env,
                log=self.project_dir / ".tidelake" / "setup.log",
                limit_seconds=DOWNLOAD_LIMIT_SECONDS,
                heartbeat=heartbeat,
            )
        except CommandError as error:
            raise ToolchainError(str(error)) from error

    def pip_install(self, requirement: str) -> None:
        """Install one pinned wheel into the running virtual environment."""
        self.run(
            f"installing {requirement}",
            [sys.executable, "-m", "pip", "install", "--only-binary", ":all:", requirement],
            self.environ,
        )
