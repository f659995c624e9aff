"""The cluster that takes the steps: found, or launched once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from lambda_src.step_trigger.clusters import ClusterLaunchingError, ClusterUnavailableError
from tests.lambda_src.control_plane import (
    CLUSTER_NAME,
    TRIGGER_SETTINGS,
    ControlPlane,
    events_of,
    raw,
)
from tests.lambda_src.fake_emr import refused
from tests.lambda_src.step_trigger.conftest import Handle

FIRST, SECOND = "j-0000000000002", "j-0000000000003"


def find(plane: ControlPlane) -> str:
    return plane.deployed(cluster_id="").clusters().find()


def test_cluster_is_launched_as_the_stack_says_where_there_is_none(plane: ControlPlane) -> None:
    assert find(plane) == FIRST
    assert plane.emr.requests[-1] == {"Name": CLUSTER_NAME, "Instances": {"InstanceCount": 1}}


def test_cluster_that_runs_is_found_again(plane: ControlPlane) -> None:
    find(plane)
    plane.emr.clusters[FIRST]["State"] = "WAITING"
    assert find(plane) == FIRST
    assert plane.emr.names() == []


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_another_is_launched_when_the_first_has_ended_itself(
    state: str, plane: ControlPlane
) -> None:
    find(plane)
    plane.emr.end_cluster(FIRST, state)
    assert find(plane) == SECOND


def test_another_is_launched_when_nothing_may_be_asked_of_the_first_any_more(
    plane: ControlPlane,
) -> None:
    find(plane)
    plane.emr.end_cluster(FIRST)
    plane.emr.forbidden.add(FIRST)
    assert find(plane) == SECOND


def test_lost_reply_to_a_launch_leads_to_one_cluster(plane: ControlPlane) -> None:
    plane.emr.drop_replies = 1
    with pytest.raises(ReadTimeoutError):
        find(plane)
    with pytest.raises(ClusterLaunchingError):
        find(plane)
    plane.clock.seconds += TRIGGER_SETTINGS.lease_seconds + 1
    assert find(plane) == FIRST
    assert len(plane.emr.clusters) == 2


def test_launch_that_emr_refuses_is_unavailable_and_may_be_tried_at_once(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise refused("ValidationException", "no such subnet")

    with monkeypatch.context() as broken:
        broken.setattr(plane.emr, "run_job_flow", refuse)
        with pytest.raises(ClusterUnavailableError, match="ValidationException"):
            find(plane)
    assert find(plane) == FIRST


def test_work_waits_while_another_invocation_launches_and_no_alarm_is_raised(
    plane: ControlPlane, handle: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.emr.drop_replies = 1
    with pytest.raises(ReadTimeoutError):
        find(plane)
    assert handle(events_of([raw("a")]), cluster_id="") == ["m0"]
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (metrics["ClusterUnavailable"], metrics["ObjectsDeferred"]) == (0, 1)


def test_object_on_demand_becomes_a_step_of_a_launched_cluster(
    plane: ControlPlane, handle: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handle(events_of([raw("a")]), cluster_id="") == []
    assert len(plane.emr.names(FIRST)) == 1
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (metrics["ClustersStarted"], metrics["StepsSubmitted"]) == (1, 1)
