"""The real CDK CLI, pointed at the local AWS."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tidelake.contract.errors import CommandError
from tidelake.local.command import run_command
from tidelake.local.settings import ACCOUNT, REGION
from tidelake.local.toolchain import Toolchain

CLI_ENVIRONMENT = {
    # The templates are validated by the tests; here that would cost some 4 s.
    "CDK_VALIDATION": "false",
    # A local run is nobody else's business, and goes to no address but this machine's.
    "CDK_DISABLE_CLI_TELEMETRY": "true",
}

Heartbeat: TypeAlias = Callable[[str], None]

SYNTH_LIMIT_SECONDS = 120
BOOTSTRAP_LIMIT_SECONDS = 120
DEPLOY_LIMIT_SECONDS = 300
DESTROY_LIMIT_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class LocalCdk:
    """CDK commands for the `local` environment; each writes its own log into `log_dir`.

    Each calls its `heartbeat` about twice a second with what the CLI is at, and raises CommandError
    when the CLI fails or takes longer than its limit.
    """

    project_dir: Path
    toolchain: Toolchain
    env: Mapping[str, str]
    log_dir: Path

    def synth(self, heartbeat: Heartbeat) -> None:
        """Turn the stacks into a cloud assembly, which `deploy` and `destroy` then use."""
        self._run(
            "synth",
            ["--quiet", "-c", "environment=local", "--output", str(self._assembly)],
            SYNTH_LIMIT_SECONDS,
            heartbeat,
        )

    def bootstrap(self, heartbeat: Heartbeat) -> None:
        """Create the CDKToolkit stack and its staging bucket."""
        self._run("bootstrap", [f"aws://{ACCOUNT}/{REGION}"], BOOTSTRAP_LIMIT_SECONDS, heartbeat)

    def bootstrap_and_synth(self, heartbeat: Heartbeat) -> None:
        """Both at once: the one waits for the local AWS, the other for this machine."""
        given_up = threading.Event()

        def heartbeat_aside(detail: str) -> None:
            if given_up.is_set():
                raise CommandError("cdk bootstrap was given up")
            heartbeat(detail)

        with ThreadPoolExecutor(max_workers=1) as aside:
            bootstrapped = aside.submit(self.bootstrap, heartbeat_aside)
            try:
                self.synth(heartbeat)
                bootstrapped.result()
            finally:
                # Leaving the block waits for the thread, which Ctrl-C does not reach.
                given_up.set()

    def deploy(self, heartbeat: Heartbeat) -> None:
        self._run(
            "deploy",
            [
                *("--all", "--app", str(self._assembly)),
                *("--require-approval", "never", "--concurrency", "4"),
            ],
            DEPLOY_LIMIT_SECONDS,
            heartbeat,
        )

    def destroy(self, heartbeat: Heartbeat) -> None:
        self._run(
            "destroy",
            ["--all", "--app", str(self._assembly), "--force", "--concurrency", "4"],
            DESTROY_LIMIT_SECONDS,
            heartbeat,
        )

    @property
    def _assembly(self) -> Path:
        return self.log_dir / "cdk.out"

    def _run(
        self, verb: str, arguments: Sequence[str], limit_seconds: float, heartbeat: Heartbeat
    ) -> None:
        log = self.log_dir / f"cdk-{verb}.log"
        run_command(
            [
                str(self.toolchain.node),
                str(self.toolchain.cdk),
                verb,
                *arguments,
                "--no-notices",
                "--no-color",
            ],
            what=f"cdk {verb}",
            cwd=self.project_dir,
            env={**self.env, **CLI_ENVIRONMENT},
            log=log,
            limit_seconds=limit_seconds,
            heartbeat=lambda: heartbeat(f"{verb} {_progress(log)}".rstrip()),
        )


_RESOURCES_DONE = re.compile(r"^(\S+) \| +(\d+/\d+) \|", re.MULTILINE)


def _progress(log: Path) -> str:
    """The stack that the CLI is at, and how many of its resources are done, as its log says."""
    done = _RESOURCES_DONE.findall(log.read_text(errors="replace"))
    return " ".join(done[-1]) if done else ""
