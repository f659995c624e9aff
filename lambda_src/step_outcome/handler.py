"""Entry point: one of EMR's events in, a batch done, tried again, halved or set aside."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

from lambda_src.batches.clients import Clients
from lambda_src.batches.following import Followed, Following
from lambda_src.batches.outcomes import Counts
from lambda_src.telemetry import log, publish
from tidelake.contract.batch_items import BatchState
from tidelake.contract.metrics import Metric
from tidelake.contract.settings import StepOutcomeSettings
from tidelake.contract.steps import StepName, name_prefix

_STEP_EVENT = "EMR Step Status Change"
_CLUSTER_EVENT = "EMR Cluster State Change"


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Act on one event of EventBridge; errors are raised, so that Lambda calls again.

    Events of other environments' steps and clusters change nothing. What no event tells, the
    sweep finds.
    """
    following = _following()
    kind, detail = event["detail-type"], event["detail"]
    followed = Followed()
    if kind == _STEP_EVENT:
        followed.counts = step_changed(following, detail)
    elif kind == _CLUSTER_EVENT and detail["name"] == following.settings.cluster_name:
        followed = cluster_ended(following, detail)
    log("event handled", kind=kind, cluster=detail["clusterId"], state=detail["state"])
    if followed.counts:
        publish(followed.counts, environment=following.settings.environment)
    followed.require_all()


def step_changed(following: Following[StepOutcomeSettings], detail: Mapping[str, Any]) -> Counts:
    """Follow the batch of one step; a step that a person asked for has none, and is counted."""
    environment, name = following.settings.environment, StepName.parse(detail["name"])
    if name is None:
        is_ours = detail["name"].startswith(name_prefix(environment))
        return _ended(detail) if is_ours else {}
    batch = following.table.batch(name.batch_id)
    if batch is None or batch.step_name(environment) != detail["name"]:
        return {}
    if batch.state is BatchState.RECORDED:
        # The step is there, and its trigger has not said so: cut short, or not so far yet.
        started = following.outcomes.started(batch, detail["clusterId"], detail["stepId"])
        batch = following.table.batch(batch.batch_id) if started is None else started
    if batch is None or batch.state is not BatchState.SUBMITTED:
        return {}
    if detail["stepId"] != batch.step_id:
        # A second step of the same attempt, which leaves a batch alone that the first has done.
        return {}
    return following.outcomes.follow(batch)


def _ended(detail: Mapping[str, Any]) -> Counts:
    """A backfill, say. Whoever asked for it tries it again, and it may be counted twice: nothing
    is written down of it by which a second event of the same end could be told."""
    if detail["state"] == "COMPLETED":
        return {Metric.STEPS_COMPLETED: 1}
    log("step did not complete", level="ERROR", step=detail["stepId"], state=detail["state"])
    return {Metric.STEPS_FAILED: 1}


def cluster_ended(following: Following[StepOutcomeSettings], detail: Mapping[str, Any]) -> Followed:
    """Follow all batches that a cluster took along."""
    followed = following.follow_each(
        batch
        for batch in following.table.batches(BatchState.SUBMITTED)
        if batch.cluster_id == detail["clusterId"]
    )
    if detail["state"] == "TERMINATED_WITH_ERRORS":
        followed.counts[Metric.CLUSTERS_FAILED] = 1
    return followed


@functools.cache
def _following() -> Following[StepOutcomeSettings]:
    return Following.of(StepOutcomeSettings.from_env(os.environ), Clients())
