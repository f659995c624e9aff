"""Runs a Spark job that a person asks for as a step of a cluster, and follows it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError, PipelineError
from tidelake.local.progress import stage

POLL_SECONDS = 5.0
_ACTIVE = ("PENDING", "CANCEL_PENDING", "RUNNING")


@dataclass(frozen=True, kw_only=True)
class Days:
    """UTC days, `end` not included. Raises ConfigurationError where there is none."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.first:
            raise ConfigurationError("--to", str(self.end), f"a day after {self.first}")

    @classmethod
    def between(cls, first: date | None, end: date | None) -> Days | None:
        """The days from one to the other, which are given together; none without either."""
        if first is None and end is None:
            return None
        if first is None or end is None:
            missing = "--from" if first is None else "--to"
            raise ConfigurationError(missing, None, "a day: --from and --to are given together")
        return cls(first=first, end=end)

    def __str__(self) -> str:
        return f"{self.first} to {self.end}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """As the jobs take them."""
        return ("--from", str(self.first), "--to", str(self.end))


@dataclass(frozen=True, kw_only=True)
class JobStep:
    """One run of a job: the step's name, the output with its script, and what it is told."""

    name: str
    title: str
    script: Output
    arguments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class JobCluster:
    """A cluster that takes steps. `emr` is a boto3 client, whose ClientError is passed on."""

    emr: Any
    outputs: Mapping[Output, str]
    cluster_id: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def find(cls, emr: Any, outputs: Mapping[Output, str], cluster_id: str | None) -> JobCluster:
        """The cluster of that id, or else the environment's persistent one.

        Raises ConfigurationError where neither is there.
        """
        found = outputs.get(Output.CLUSTER) if cluster_id is None else cluster_id
        if found is None:
            raise ConfigurationError(
                "--cluster", None, "the id of a cluster that takes steps: none is always there"
            )
        return cls(emr=emr, outputs=outputs, cluster_id=found)

    def run(self, job: JobStep, console: Console) -> str:
        """Submit the step and wait until it ends; its id. It goes on when this process ends.

        Raises ConfigurationError when EMR takes no step, PipelineError when it does not complete.
        """
        step_id = self._submit(job)
        with stage(console, job.title) as running:
            while (status := self._status(step_id))["State"] in _ACTIVE:
                running.heartbeat(f"step {step_id} is {status['State'].lower()}")
                self.sleep(POLL_SECONDS)
            if status["State"] != "COMPLETED":
                raise PipelineError(
                    f"step {step_id} of {self.cluster_id} is {status['State']}: {_why(status)}"
                )
            running.detail = f"step {step_id}"
        return step_id

    def _submit(self, job: JobStep) -> str:
        step = {
            "Name": job.name,
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {
                "Jar": "command-runner.jar",
                "Args": [
                    *("spark-submit", "--py-files", self.outputs[Output.SHARED_CODE_URL]),
                    self.outputs[job.script],
                    *("--database", self.outputs[Output.DATABASE]),
                    *job.arguments,
                ],
            },
        }
        try:
            reply = self.emr.add_job_flow_steps(JobFlowId=self.cluster_id, Steps=[step])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in ("ValidationException", "InvalidRequestException"):
                raise
            allowed = "the id of a cluster that takes steps"
            raise ConfigurationError("--cluster", self.cluster_id, allowed) from error
        return str(reply["StepIds"][0])

    def _status(self, step_id: str) -> dict[str, Any]:
        reply = self.emr.describe_step(ClusterId=self.cluster_id, StepId=step_id)
        status: dict[str, Any] = reply["Step"]["Status"]
        return status


def _why(status: Mapping[str, Any]) -> str:
    """EMR's reason and where the log is, as far as it says either."""
    details = status.get("FailureDetails", {})
    words = [details[name] for name in ("Reason", "LogFile") if details.get(name)]
    return "; its log: ".join(words) if words else "no reason was given"
