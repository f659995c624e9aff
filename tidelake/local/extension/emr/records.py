"""Clusters and steps as EMR describes them, and the states they go through."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]
"""A cluster or a step, in the shape of DescribeCluster and DescribeStep."""

OPEN_CLUSTER = frozenset({"STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"})
"""The states in which a cluster takes steps."""
READY_CLUSTER = frozenset({"RUNNING", "WAITING"})
ENDED_CLUSTER = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
ACTIVE_STEP = frozenset({"PENDING", "CANCEL_PENDING", "RUNNING"})
"""The states that count against the limit of 256 active steps a cluster."""
ENDED_STEP = frozenset({"COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"})

_ID_CHARACTERS = string.ascii_uppercase + string.digits


def now() -> float:
    """The time as EMR's JSON carries it: seconds since 1970, to the millisecond."""
    return round(time.time(), 3)


def state_of(record: Record) -> str:
    """The state of a cluster or a step."""
    return str(record["Status"]["State"])


def new_step(config: Mapping[str, Any]) -> Record:
    """A PENDING step from one StepConfig of AddJobFlowSteps."""
    jar = config.get("HadoopJarStep", {})
    return {
        "Id": "s-" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(13)),
        "Name": config.get("Name", ""),
        "Config": {
            "Jar": jar.get("Jar", ""),
            "Properties": {p["Key"]: p["Value"] for p in jar.get("Properties", [])},
            "MainClass": jar.get("MainClass", ""),
            "Args": list(jar.get("Args", [])),
        },
        "ActionOnFailure": config.get("ActionOnFailure", "CONTINUE"),
        "Status": {
            "State": "PENDING",
            "StateChangeReason": {},
            "Timeline": {"CreationDateTime": now()},
        },
    }


def enter_cluster_state(cluster: Record, state: str, code: str = "", message: str = "") -> None:
    """Move a cluster to `state`, with its reason and its timeline."""
    status = cluster["Status"]
    status["State"] = state
    status["StateChangeReason"] = {"Code": code, "Message": message} if code else {}
    if state in READY_CLUSTER:
        status["Timeline"].setdefault("ReadyDateTime", now())
    if state in ENDED_CLUSTER:
        status["Timeline"]["EndDateTime"] = now()


def enter_step_state(step: Record, state: str, failure: Mapping[str, str] | None = None) -> None:
    """Move a step to `state`; `failure` has Reason, Message and LogFile."""
    status = step["Status"]
    status["State"] = state
    if state == "RUNNING":
        status["Timeline"]["StartDateTime"] = now()
    if state in ENDED_STEP:
        status["Timeline"]["EndDateTime"] = now()
    if failure is not None:
        status["FailureDetails"] = dict(failure)


def steps_in(steps: Sequence[Record], states: frozenset[str]) -> list[Record]:
    """The steps in one of `states`, oldest first."""
    return [step for step in steps if state_of(step) in states]
