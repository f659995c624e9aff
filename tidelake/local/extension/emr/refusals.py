"""What EMR refuses, in its own words, and how it pages its lists."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tidelake.local.extension.emr.records import OPEN_CLUSTER, Record, state_of

MAXIMUM_ACTIVE_STEPS = 256
"""PENDING and RUNNING steps of a cluster (EMR Management Guide, "Submit work to a cluster")."""
MAXIMUM_STEP_CONCURRENCY = 256
MAXIMUM_STEP_IDS = 10
MINIMUM_IDLE_SECONDS, MAXIMUM_IDLE_SECONDS = 60, 604_800
PAGE_SIZE = 50
"""Clusters or steps in one reply of ListClusters and ListSteps."""


class Refusal(Exception):  # noqa: N818  it is an answer to the caller, not a fault of ours
    """A request that EMR refuses: its error code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def modifiable(cluster: Record) -> Record:
    """The cluster, if it is neither ending nor ended."""
    if state_of(cluster) not in OPEN_CLUSTER:
        raise Refusal(
            "ValidationException",
            "A job flow that is shutting down, terminated, or finished may not be modified.",
        )
    return cluster


def require_concurrency(level: int) -> None:
    """Refuse a StepConcurrencyLevel that EMR does not know."""
    if not 1 <= level <= MAXIMUM_STEP_CONCURRENCY:
        raise Refusal(
            "ValidationException",
            f"StepConcurrencyLevel {level} is not allowed; "
            f"allowed: 1 to {MAXIMUM_STEP_CONCURRENCY}",
        )


def require_valid_steps(steps: Sequence[Mapping[str, Any]], level: int, active: int) -> None:
    """Refuse steps of a cluster with this concurrency and so many active steps already."""
    if active + len(steps) > MAXIMUM_ACTIVE_STEPS:
        raise Refusal(
            "ValidationException",
            "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') "
            "for cluster exceeded.",
        )
    for step in steps:
        if level > 1 and step.get("ActionOnFailure", "CONTINUE") != "CONTINUE":
            raise Refusal(
                "ValidationException",
                f"ActionOnFailure {step['ActionOnFailure']} is not valid with a "
                f"StepConcurrencyLevel of {level}; allowed: CONTINUE",
            )


def require_idle_timeout(policy: Mapping[str, Any]) -> None:
    """Refuse an auto-termination policy outside of 60 seconds to 7 days (EMR's API reference)."""
    timeout = policy.get("IdleTimeout", MINIMUM_IDLE_SECONDS)
    if not MINIMUM_IDLE_SECONDS <= timeout <= MAXIMUM_IDLE_SECONDS:
        raise Refusal(
            "ValidationException",
            f"IdleTimeout {timeout} is not allowed; "
            f"allowed: {MINIMUM_IDLE_SECONDS} to {MAXIMUM_IDLE_SECONDS}",
        )


def require_json(text: str) -> None:
    """Refuse a security configuration that is no JSON."""
    try:
        json.loads(text)
    except ValueError:
        raise Refusal(
            "InvalidRequestException", "The security configuration is not valid JSON."
        ) from None


def one_page(
    name: str, found: Sequence[Mapping[str, Any]], request: Mapping[str, Any], identity: str = "Id"
) -> dict[str, Any]:
    """One page of `found`; the marker names the last entry of the page before."""
    start = 0
    if "Marker" in request:
        ids = [entry[identity] for entry in found]
        if request["Marker"] not in ids:
            raise Refusal("InvalidRequestException", "The marker is not valid.")
        start = ids.index(request["Marker"]) + 1
    entries = found[start : start + PAGE_SIZE]
    reply: dict[str, Any] = {name: entries}
    if start + PAGE_SIZE < len(found):
        reply["Marker"] = entries[-1][identity]
    return reply
