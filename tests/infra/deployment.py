"""Deploying an environment to a local AWS by the real CDK CLI."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.infra.conftest import PROJECT, JsonObject, cdk_context, synthesize
from tidelake.local.cdk import LocalCdk
from tidelake.local.endpoint import local_environment
from tidelake.local.toolchain import find_toolchain

TIDELAKE = Path(sys.executable).with_name("tidelake")


@dataclass
class Deployments:
    """Deploys to the local AWS at `endpoint`; bootstraps it before the first time."""

    endpoint: str
    folder: Path
    is_bootstrapped: bool = False
    count: int = field(default=0, init=False)

    @property
    def tool_environment(self) -> dict[str, str]:
        """What a command needs to take the local AWS for AWS."""
        return local_environment(self.endpoint, base=os.environ, cdk_home=self.folder / "cdk-home")

    def deploy(self, environment: str, values: JsonObject | None = None) -> LocalCdk:
        """Deploy what `cdk.json` says of an environment, or other values."""
        self.count += 1
        log_dir = self.folder / str(self.count)
        log_dir.mkdir()
        context = cdk_context()
        if values is not None:
            context["environments"] = {environment: values}
        synthesize(environment, log_dir / "cdk.out", context)
        toolchain = find_toolchain(PROJECT)
        cdk = LocalCdk(
            project_dir=PROJECT,
            toolchain=toolchain,
            env=toolchain.environment(self.tool_environment),
            log_dir=log_dir,
        )
        if not self.is_bootstrapped:
            cdk.bootstrap(silent)
            self.is_bootstrapped = True
        cdk.deploy(silent)
        return cdk


def silent(_: str) -> None:
    """Nobody watches."""


def run_destroy(
    deployments: Deployments, environment: str, *options: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """`tidelake destroy`, as a user runs it, who types what is asked for."""
    return subprocess.run(
        [TIDELAKE, "destroy", "--environment", environment, *options],
        cwd=PROJECT,
        env=deployments.tool_environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
