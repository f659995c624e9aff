"""What the control plane relies on of EMR, of its strict stand-in and of the local AWS alike."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lambda_src.fake_emr import FakeEmr


@dataclass(frozen=True)
class Emr:
    """A client, whichever it is, and names of this test's own."""

    client: Any
    name: str

    def launch(self) -> str:
        instances = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
        reply = self.client.run_job_flow(Name=self.name, Instances=instances)
        return str(reply["JobFlowId"])

    def add(self, cluster_id: str, count: int) -> list[str]:
        """Steps that end at once, or never: no jar of theirs is there."""
        steps = [
            {
                "Name": f"step-{i}",
                "ActionOnFailure": "CONTINUE",
                "HadoopJarStep": {"Jar": "s3://nowhere/other.jar"},
            }
            for i in range(count)
        ]
        ids: list[str] = self.client.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps)[
            "StepIds"
        ]
        return ids

    def end(self, cluster_id: str) -> None:
        if isinstance(self.client, FakeEmr):
            self.client.end_cluster(cluster_id)
        else:
            self.client.terminate_job_flows(JobFlowIds=[cluster_id])

    def listed(self, operation: str, key: str, **parameters: Any) -> list[list[dict[str, Any]]]:
        pages = self.client.get_paginator(operation).paginate(**parameters)
        return [page[key] for page in pages]


@pytest.fixture(params=["fake", pytest.param("local AWS", marks=pytest.mark.slow)])
def emr(request: pytest.FixtureRequest) -> Emr:
    name = f"contract-{uuid.uuid4().hex[:8]}"
    if request.param == "fake":
        return Emr(FakeEmr(), name)
    return Emr(request.getfixturevalue("local_aws").client("emr"), name)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(error.value.response["Error"]["Code"])


def test_starting_cluster_takes_steps_and_lists_them_newest_first_fifty_a_page(emr: Emr) -> None:
    cluster_id = emr.launch()
    ids = emr.add(cluster_id, 120)
    pages = emr.listed("list_steps", "Steps", ClusterId=cluster_id)
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [step["Id"] for page in pages for step in page] == ids[::-1]
    assert pages[0][0]["Name"] == "step-119"
    assert pages[0][0]["Status"]["Timeline"]["CreationDateTime"].tzinfo is not None
    emr.end(cluster_id)


def test_more_than_256_active_steps_are_refused_as_a_whole(emr: Emr) -> None:
    cluster_id = emr.launch()
    assert refused(lambda: emr.add(cluster_id, 257)) == "ValidationException"
    assert emr.listed("list_steps", "Steps", ClusterId=cluster_id) == [[]]
    emr.end(cluster_id)


def test_ended_cluster_takes_no_steps_and_still_tells_of_those_it_had(emr: Emr) -> None:
    cluster_id = emr.launch()
    (step_id,) = emr.add(cluster_id, 1)
    emr.end(cluster_id)
    assert refused(lambda: emr.add(cluster_id, 1)) == "ValidationException"
    step = emr.client.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]
    assert step["Status"]["State"] == "CANCELLED"


def test_unknown_clusters_and_steps_are_refused(emr: Emr) -> None:
    client, nobody = emr.client, "j-NOBODYKNOWSIT"
    cluster_id = emr.launch()
    codes = [
        refused(lambda: client.describe_cluster(ClusterId=nobody)),
        refused(lambda: client.describe_step(ClusterId=nobody, StepId="s-1")),
        refused(lambda: client.describe_step(ClusterId=cluster_id, StepId="s-1")),
        refused(lambda: emr.add(nobody, 1)),
    ]
    assert codes == ["InvalidRequestException"] * 3 + ["ValidationException"]
    emr.end(cluster_id)


def test_clusters_are_listed_by_state_with_their_names(emr: Emr) -> None:
    first, second = emr.launch(), emr.launch()
    states = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]

    def named() -> list[str]:
        pages = emr.listed("list_clusters", "Clusters", ClusterStates=states)
        return [c["Id"] for page in pages for c in page if c["Name"] == emr.name]

    assert named() == [second, first]
    emr.end(second)
    assert named() == [first]
    emr.end(first)
