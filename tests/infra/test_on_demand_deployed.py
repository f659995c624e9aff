"""`dev`, whose cluster is launched on demand, deployed to the local AWS: from object to outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3.dynamodb.types
import pytest

from tests.conftest import LocalAwsUnderTest
from tests.infra.conftest import JsonObject, cdk_context
from tests.infra.deployment import Deployments, run_destroy
from tidelake.client.outputs import read_outputs
from tidelake.contract.batch_items import KEY
from tidelake.contract.deployment import Output, StackRole

ENVIRONMENT = "dev"
STACK = StackRole.PROCESSING.stack_name(ENVIRONMENT)
VALUES: JsonObject = {
    **cdk_context()["environments"][ENVIRONMENT],
    "network": {"interface_endpoints": []},
    "trigger": {"batch_size": 10, "batching_window_seconds": 0},
}
STUB_JOB = b"import sys; print('ran with', sys.argv[1:])"


class Deployed:
    """What the services say of the deployed environment."""

    def __init__(self, aws: LocalAwsUnderTest) -> None:
        self.client: Callable[[str], Any] = aws.client
        self.outputs = read_outputs(aws.client("cloudformation"), ENVIRONMENT)

    def ids(self, role: StackRole, kind: str) -> dict[str, str]:
        """Logical and physical ids of a stack's resources of one type."""
        found = self.client("cloudformation").describe_stack_resources(
            StackName=role.stack_name(ENVIRONMENT)
        )["StackResources"]
        return {
            entry["LogicalResourceId"]: entry["PhysicalResourceId"]
            for entry in found
            if entry["ResourceType"] == kind
        }

    def put_job(self, code: bytes) -> None:
        bucket, _, key = self.outputs[Output.JOB_URL].removeprefix("s3://").partition("/")
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=code)

    def put_raw_object(self) -> None:
        key = "streaming-data/year=2026/month=11/day=25/hour=09/part-0.parquet"
        bucket = self.outputs[Output.LAKE_BUCKET]
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=b"PAR1")

    def clusters(self) -> list[dict[str, Any]]:
        clusters: list[dict[str, Any]] = self.client("emr").list_clusters()["Clusters"]
        return [cluster for cluster in clusters if cluster["Name"] == STACK]

    def batches(self) -> list[dict[str, Any]]:
        [table] = self.ids(StackRole.STORAGE, "AWS::DynamoDB::Table").values()
        read = boto3.dynamodb.types.TypeDeserializer().deserialize
        items = self.client("dynamodb").scan(TableName=table)["Items"]
        return [
            {name: read(value) for name, value in item.items()}
            for item in items
            if item[KEY]["S"].startswith("batch#")
        ]

    def scheduled(self) -> dict[str, list[str]]:
        """Schedule of each enabled rule of the stack that has one -> what it calls."""
        events, found = self.client("events"), {}
        for name in self.ids(StackRole.PROCESSING, "AWS::Events::Rule").values():
            rule = events.describe_rule(Name=name)
            if rule.get("ScheduleExpression") and rule["State"] == "ENABLED":
                targets = events.list_targets_by_rule(Rule=name)["Targets"]
                found[rule["ScheduleExpression"]] = [target["Arn"] for target in targets]
        return found


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.3)


@pytest.mark.slow
def test_an_object_launches_a_cluster_whose_step_makes_its_batch_done_and_destroy_ends_both(
    local_aws: LocalAwsUnderTest, tmp_path: Path
) -> None:
    deployments = Deployments(local_aws.endpoint, tmp_path)
    deployments.deploy(ENVIRONMENT, VALUES)
    deployed = Deployed(local_aws)
    assert deployed.clusters() == []
    deployed.put_job(STUB_JOB)

    deployed.put_raw_object()

    wait_until(lambda: [batch["state"] for batch in deployed.batches()] == ["done"])
    [cluster], [batch] = deployed.clusters(), deployed.batches()
    assert batch["cluster_id"] == cluster["Id"]
    emr = deployed.client("emr")
    [step] = emr.list_steps(ClusterId=cluster["Id"])["Steps"]
    assert step["Name"] == f"dev/curate-{batch['batch_id']}-1"
    assert step["Status"]["State"] == "COMPLETED"
    described = emr.describe_cluster(ClusterId=cluster["Id"])["Cluster"]
    assert {"Key": "Environment", "Value": "dev"} in described["Tags"]
    idle = emr.get_auto_termination_policy(ClusterId=cluster["Id"])["AutoTerminationPolicy"]
    assert idle == {"IdleTimeout": 900}

    functions = deployed.ids(StackRole.PROCESSING, "AWS::Lambda::Function")
    [sweep] = [name for logical, name in functions.items() if logical.startswith("BatchesSweep")]
    [target] = deployed.scheduled()["rate(15 minutes)"]
    assert target.endswith(f":function:{sweep}")
    assert "FunctionError" not in deployed.client("lambda").invoke(FunctionName=sweep)

    done = run_destroy(deployments, ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert f"Ending {cluster['Id']}" in done.stdout
    assert [cluster["Status"]["State"] for cluster in deployed.clusters()] == ["TERMINATED"]
