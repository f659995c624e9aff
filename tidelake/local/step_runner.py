"""Run one EMR step as EMR's `command-runner.jar` would, on this machine.

The job and its own arguments stay as they are. Only what a laptop cannot have changes: the master
and the deploy mode. `s3://` URIs, also of the job itself, reach the local S3 through S3A.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from tidelake.contract.errors import TidelakeError
from tidelake.local.endpoint import local_environment
from tidelake.local.settings import REGION, LocalSettings
from tidelake.local.spark_conf import (
    NO_PROFILES,
    Configurations,
    SparkSite,
    classification,
    spark_defaults,
    write_conf_folder,
)
from tidelake.local.supervise import start_supervised
from tidelake.local.toolchain import Toolchain, find_toolchain

COMMAND_RUNNER = "command-runner.jar"

_FLAGS = frozenset({"--verbose", "-v", "--supervise", "--version", "--help", "-h", "--usage-error"})
"""Options of spark-submit that take no value; every other one takes the next argument."""


class UnsupportedStepError(TidelakeError):
    """A step that this machine cannot run as EMR would."""


class StepProcess(Protocol):
    """A step that is running."""

    def wait(self) -> int:
        """Wait for the exit status; negative: the signal that ended it."""

    def stop(self) -> int:
        """End the step and all it started; returns the exit status."""


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """One step to run. `folder` is its own: logs, configuration and scratch files go there."""

    cluster_id: str
    step_id: str
    jar: str
    arguments: tuple[str, ...]
    configurations: Configurations
    folder: Path

    @property
    def stdout(self) -> Path:
        return self.folder / "stdout"

    @property
    def stderr(self) -> Path:
        return self.folder / "stderr"

    @property
    def controller(self) -> Path:
        return self.folder / "controller"


StepStarter: TypeAlias = Callable[[StepRun], StepProcess]
"""Starts a step; raises TidelakeError when it cannot."""


class SparkSubmitStarter:
    """Starts steps as `spark-submit` processes that end with this one.

    The toolchain is looked up at the first step, so that a local AWS without Spark still starts.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings

    @functools.cached_property
    def _toolchain(self) -> Toolchain:
        return find_toolchain(self._settings.project_dir)

    def __call__(self, run: StepRun) -> StepProcess:
        """Start the step; raises UnsupportedStepError or ToolchainError."""
        arguments = local_arguments(run.jar, run.arguments)
        toolchain = self._toolchain
        scratch = run.folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        site = SparkSite(
            endpoint=self._settings.endpoint,
            region=REGION,
            python=Path(sys.executable),
            jars=toolchain.spark_jars,
            scratch=scratch,
        )
        conf = run.folder / "conf"
        write_conf_folder(conf, spark_defaults(run.configurations, site))
        command = [str(toolchain.spark_submit), *arguments]
        run.controller.write_text(f"{run.jar} {run.arguments}\nruns here as {command}\n")
        with run.stdout.open("wb") as stdout, run.stderr.open("wb") as stderr:
            return start_supervised(
                command,
                env=step_environment(run, toolchain, site, conf),
                cwd=scratch,
                output=stdout,
                errors=stderr,
            )


def local_arguments(jar: str, arguments: Sequence[str]) -> list[str]:
    """The arguments after `spark-submit` that run this step on this machine.

    Options of spark-submit end at the job; whatever follows belongs to the job and is not looked
    at. Raises UnsupportedStepError, which names what this machine cannot run.
    """
    if jar != COMMAND_RUNNER:
        raise UnsupportedStepError(
            f"step jar {jar!r} does not run locally; allowed: {COMMAND_RUNNER} with spark-submit"
        )
    if not arguments or Path(arguments[0]).name != "spark-submit":
        raise UnsupportedStepError(
            f"command {list(arguments[:1])} does not run locally; allowed: spark-submit"
        )
    options: list[str] = []
    rest = list(arguments[1:])
    while rest and rest[0].startswith("-"):
        name, joined, value = rest.pop(0).partition("=")
        if name == "--properties-file":
            raise UnsupportedStepError(
                f"option {name} does not run locally: it would replace the cluster's spark-defaults"
            )
        if name in _FLAGS:
            options.append(name)
            continue
        if not joined and not rest:
            raise UnsupportedStepError(f"option {name} of spark-submit has no value")
        options += _local_option(name, value if joined else rest.pop(0))
    if not rest:
        raise UnsupportedStepError("spark-submit names no job to run")
    return options + rest


def _local_option(name: str, value: str) -> list[str]:
    """One option, as this machine can honour it; those of the cluster are left to its defaults."""
    if name in {"--master", "--deploy-mode"}:
        return []
    if name in {"--conf", "-c"} and value.startswith(("spark.master=", "spark.submit.deployMode=")):
        return []
    return [name, value]


def step_environment(
    run: StepRun, toolchain: Toolchain, site: SparkSite, conf: Path
) -> dict[str, str]:
    """The whole environment of a step: nothing of the user's own reaches it.

    Its home is its own folder, so that no `~/.aws` is read. EMR's nodes run on UTC.
    """
    base = _exports(run.configurations, "spark-env") | {
        "PATH": os.defpath,
        "HOME": str(run.folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(site.scratch),
    }
    return toolchain.environment(local_environment(site.endpoint, base=base)) | {
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_DIRS": str(site.scratch),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # Java knows the user's home from elsewhere, and cannot read the null device as profiles.
        "AWS_CONFIG_FILE": str(conf / NO_PROFILES),
        "AWS_SHARED_CREDENTIALS_FILE": str(conf / NO_PROFILES),
    }


def _exports(configurations: Configurations, name: str) -> dict[str, str]:
    """The `export` classification nested in `name`, as EMR turns it into environment variables."""
    exports: dict[str, str] = {}
    for configuration in configurations:
        nested = configuration.get("Configurations")
        if configuration.get("Classification") == name and isinstance(nested, Sequence):
            exports |= classification([c for c in nested if isinstance(c, Mapping)], "export")
    return exports
