"""What `tidelake backfill` does: submits the backfill job as a step, and follows it to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.console import Console

from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError, PipelineError
from tidelake.contract.lake import RAW_PREFIX
from tidelake.contract.steps import BACKFILL
from tidelake.local.progress import stage

POLL_SECONDS = 5.0
_ACTIVE = ("PENDING", "CANCEL_PENDING", "RUNNING")


@dataclass(frozen=True, kw_only=True)
class Period:
    """UTC days of arrival, `end` not included."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.first:
            raise ConfigurationError("--to", str(self.end), f"a day after {self.first}")


def backfill(
    emr: Any,
    outputs: Mapping[Output, str],
    console: Console,
    period: Period,
    *,
    cluster_id: str | None = None,
    again: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Take the raw objects of a period to the tables again; the step's id.

    `again` takes also what the ledger has as read. The step goes on when this process ends, and
    two of them do no harm: each batch is taken in once. Without `cluster_id` it runs on the
    environment's persistent cluster; raises ConfigurationError where there is none, and
    PipelineError when the step does not complete.
    """
    cluster = outputs.get(Output.CLUSTER) if cluster_id is None else cluster_id
    if cluster is None:
        raise ConfigurationError(
            "--cluster", None, "the id of a cluster that takes steps: none is always there"
        )
    step = {
        "Name": f"{BACKFILL}-{period.first}-{period.end}",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": _arguments(outputs, period, again=again),
        },
    }
    step_id: str = emr.add_job_flow_steps(JobFlowId=cluster, Steps=[step])["StepIds"][0]
    with stage(console, f"backfill {period.first} to {period.end}") as running:
        while (status := _status(emr, cluster, step_id))["State"] in _ACTIVE:
            running.heartbeat(f"step {step_id} is {status['State'].lower()}")
            sleep(POLL_SECONDS)
        if status["State"] != "COMPLETED":
            reason = status.get("FailureDetails", {}).get("Reason", "no reason was given")
            raise PipelineError(f"step {step_id} of {cluster} is {status['State']}: {reason}")
        running.detail = f"step {step_id}"
    return step_id


def _arguments(outputs: Mapping[Output, str], period: Period, *, again: bool) -> list[str]:
    """The command line of `spark_jobs/backfill.py`, whose docstring explains it."""
    return [
        *("spark-submit", "--py-files", outputs[Output.SHARED_CODE_URL]),
        outputs[Output.BACKFILL_URL],
        *("--database", outputs[Output.DATABASE]),
        *("--raw", f"s3://{outputs[Output.LAKE_BUCKET]}/{RAW_PREFIX}"),
        *("--from", str(period.first), "--to", str(period.end)),
        *(["--again"] if again else []),
    ]


def _status(emr: Any, cluster: str, step_id: str) -> dict[str, Any]:
    status: dict[str, Any] = emr.describe_step(ClusterId=cluster, StepId=step_id)["Step"]["Status"]
    return status
