"""Destroying an environment: on the local AWS, and against a strict stand-in for what it lacks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from rich.console import Console

from tests.infra.conftest import PROJECT
from tests.infra.deployment import Deployments, run_destroy
from tidelake.client.outputs import read_outputs
from tidelake.contract.deployment import Output, StackRole
from tidelake.contract.errors import CommandError, ConfigurationError, ToolchainError
from tidelake.local.endpoint import local_client
from tidelake.local.leftovers import find_leftovers
from tidelake.local.lifecycle import running_local_aws
from tidelake.local.target import Target
from tidelake.operations.destroy import cdk_destroy, destroy
from tidelake.operations.stacks import Resource, deployed_stacks


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    """A local AWS of its own: what a test leaves there is what it is about."""
    folder = tmp_path_factory.mktemp("destroy")
    with running_local_aws(project_dir=PROJECT, state_dir=folder) as server:
        yield Deployments(server.endpoint, folder)


def lake_bucket(deployments: Deployments, environment: str) -> str:
    cloudformation = local_client("cloudformation", deployments.endpoint)
    return read_outputs(cloudformation, environment)[Output.LAKE_BUCKET]


def kinds(lines: str) -> set[str]:
    """The types of resources in an indented list."""
    return {line.split()[0] for line in lines.splitlines() if line.startswith("  AWS::")}


@pytest.mark.slow
def test_prod_is_destroyed_once_its_name_is_typed_and_what_is_left_is_listed(
    deployments: Deployments,
) -> None:
    deployments.deploy("prod")
    cloudformation = local_client("cloudformation", deployments.endpoint)
    stream = cloudformation.describe_stack_resources(StackName="tidelake-prod-ingestion")
    [stream_name] = [
        resource["PhysicalResourceId"]
        for resource in stream["StackResources"]
        if resource["ResourceType"] == "AWS::Kinesis::Stream"
    ]

    for typed in ("", "yes\n", "prod \n"):
        refused = run_destroy(deployments, "prod", typed=typed)
        assert refused.returncode == 2
        assert "allowed: the environment's name, prod" in refused.stderr
    stack = cloudformation.describe_stacks(StackName="tidelake-prod-storage")["Stacks"][0]
    assert stack["EnableTerminationProtection"]

    bucket = lake_bucket(deployments, "prod")
    s3 = local_client("s3", deployments.endpoint)
    s3.put_object(Bucket=bucket, Key="streaming-data/kept", Body=b"x")
    done = run_destroy(deployments, "prod", typed="prod\n")
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.split("Left, for you to keep or to delete:")
    assert {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Kinesis::Stream"} <= kinds(before)
    assert kinds(after) == kinds(before)
    assert f"  AWS::Kinesis::Stream {stream_name}" in after.splitlines()
    assert done.stdout.count("Termination protection of tidelake-prod-") == 4
    assert "Termination protection of cluster j-" in done.stdout

    assert cloudformation.describe_stacks()["Stacks"][0]["StackName"] == "CDKToolkit"
    local_client("kinesis", deployments.endpoint).describe_stream_summary(StreamName=stream_name)
    assert s3.get_object(Bucket=bucket, Key="streaming-data/kept")["Body"].read() == b"x"

    # What the command says is in the way of the next deployment, and how it is cleared.
    glue = local_client("glue", deployments.endpoint)
    assert glue.get_database(Name="streaming_db_prod")["Database"]["Name"] == "streaming_db_prod"
    assert done.stdout.endswith("\n  aws glue delete-database --name streaming_db_prod\n")
    glue.delete_database(Name="streaming_db_prod")
    deployments.deploy("prod")
    assert lake_bucket(deployments, "prod") != bucket


@pytest.mark.slow
def test_dev_is_just_destroyed_and_leaves_nothing(deployments: Deployments) -> None:
    before = find_leftovers(deployments.endpoint)
    deployments.deploy("dev")
    bucket = lake_bucket(deployments, "dev")
    for body in (b"first version", b"second version"):
        local_client("s3", deployments.endpoint).put_object(Bucket=bucket, Key="key", Body=body)
    done = run_destroy(deployments, "dev")
    assert done.returncode == 0, done.stderr
    assert "Nothing will remain" in done.stdout
    assert done.stdout.endswith("Nothing is left.\n")
    assert find_leftovers(deployments.endpoint) == before


@pytest.mark.slow
def test_what_is_not_deployed_is_not_destroyed(deployments: Deployments) -> None:
    refused = run_destroy(deployments, "stage", "--yes", "stage")
    assert refused.returncode == 2
    assert refused.stderr == (
        "tidelake: environment = 'stage' is not allowed; "
        "allowed: one that is deployed; this one has no stacks\n"
    )


# What is deployed in the tests below: one stack that an earlier attempt left, in AWS's own words.
STACK_ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/tidelake-prod-processing/1"
CLUSTER = "j-2AXXXXXXGAPLF"
FORGOTTEN = "FORGOTTEN"
MAPPING = "a1b2c3d4-5678-90ab-cdef-11111EXAMPLE"


class Stubs:
    """Strict clients: each call must be the next expected one, and fit AWS's service model."""

    def __init__(self) -> None:
        self.clients = {
            name: boto3.client(
                name,
                region_name="eu-central-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            for name in ("cloudformation", "emr", "lambda")
        }
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        self.printed = io.StringIO()

    def expect_half_an_environment(self, *, cluster_state: str | None) -> None:
        """Its processing stack, with a cluster in that state, or with none of its own."""
        cloudformation = self.stubs["cloudformation"]
        for role in StackRole:
            if role is not StackRole.PROCESSING:
                cloudformation.add_client_error("describe_stacks", "ValidationError")
                continue
            stack = {
                "StackName": "tidelake-prod-processing",
                "StackId": STACK_ID,
                "StackStatus": "UPDATE_COMPLETE",
                "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
                "EnableTerminationProtection": True,
            }
            cloudformation.add_response("describe_stacks", {"Stacks": [stack]})
            self._expect_resources(has_cluster=cluster_state is not None)
        cluster = {"TerminationProtected": True, "Status": {"State": cluster_state}}
        self.expect_lifting()
        if cluster_state == FORGOTTEN:
            self.stubs["emr"].add_client_error("describe_cluster", "InvalidRequestException")
        elif cluster_state is not None:
            self.stubs["emr"].add_response("describe_cluster", {"Cluster": cluster})

    def _expect_resources(self, *, has_cluster: bool) -> None:
        kept = {"Logs": {"DeletionPolicy": "Retain"}}
        cloudformation = self.stubs["cloudformation"]
        # boto3 parses the template itself.
        cloudformation.add_response(
            "get_template", {"TemplateBody": json.dumps({"Resources": kept})}
        )
        listed = [
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceType": kind,
                "LastUpdatedTimestamp": datetime(2026, 11, 1, tzinfo=UTC),
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical_id, physical_id, kind in (
                ("Cluster", CLUSTER, "AWS::EMR::Cluster"),
                ("Logs", "trigger-logs", "AWS::Logs::LogGroup"),
                ("Mapping", MAPPING, "AWS::Lambda::EventSourceMapping"),
            )
            if has_cluster or logical_id != "Cluster"
        ]
        cloudformation.add_response("list_stack_resources", {"StackResourceSummaries": listed})

    def expect_lifting(self) -> None:
        self.stubs["cloudformation"].add_response(
            "update_termination_protection",
            {"StackId": STACK_ID},
            {"StackName": "tidelake-prod-processing", "EnableTerminationProtection": False},
        )

    def expect_no_launched_cluster(self, *named: str) -> None:
        """The trigger is stopped; of the clusters of its name, these live."""
        self.expect_stopped_trigger()
        clusters = [{"Id": cluster, "Name": "tidelake-prod-processing"} for cluster in named]
        self.stubs["emr"].add_response("list_clusters", {"Clusters": clusters})

    def expect_stopped_trigger(self) -> None:
        self.stubs["lambda"].add_response(
            "update_event_source_mapping", {}, {"UUID": MAPPING, "Enabled": False}
        )

    def expect_ended(self, cluster: str, state: str) -> None:
        emr = self.stubs["emr"]
        emr.add_response("terminate_job_flows", {}, {"JobFlowIds": [cluster]})
        ended = {"Status": {"State": state}}
        emr.add_response("describe_cluster", {"Cluster": ended}, {"ClusterId": cluster})

    def expect_cluster_lifting(self) -> None:
        self.stubs["emr"].add_response(
            "set_termination_protection",
            {},
            {"JobFlowIds": [CLUSTER], "TerminationProtected": False},
        )

    def expect_events(self) -> None:
        event = {
            "StackId": STACK_ID,
            "EventId": "1",
            "StackName": "tidelake-prod-processing",
            "Timestamp": datetime(2026, 11, 2, tzinfo=UTC),
        }
        skipped = {
            "ResourceType": "AWS::Logs::LogGroup",
            "PhysicalResourceId": "trigger-logs",
            "ResourceStatus": "DELETE_SKIPPED",
        }
        deleted = {
            "ResourceType": "AWS::EMR::Cluster",
            "PhysicalResourceId": CLUSTER,
            "ResourceStatus": "DELETE_COMPLETE",
        }
        self.stubs["cloudformation"].add_response(
            "describe_stack_events",
            {"StackEvents": [event | deleted, event | skipped]},
            {"StackName": STACK_ID},
        )

    def destroy(self, confirmation: str, run_cdk: Callable[[Target], object]) -> list[Resource]:
        for stub in self.stubs.values():
            stub.activate()
        left = destroy(
            Target("prod", self.clients.__getitem__),
            Console(file=self.printed),
            lambda: confirmation,
            run_cdk,
        )
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()
        return left


def test_what_an_earlier_attempt_left_is_destroyed_by_the_same_command() -> None:
    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state="WAITING")
    stubs.expect_cluster_lifting()
    stubs.expect_no_launched_cluster(CLUSTER)
    stubs.expect_events()
    ran: list[str] = []
    left = stubs.destroy("prod", lambda target: ran.append(target.environment))
    assert ran == ["prod"]
    assert left == [Resource("AWS::Logs::LogGroup", "trigger-logs")]


def test_a_cluster_that_has_ended_is_left_alone() -> None:
    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state="TERMINATED_WITH_ERRORS")
    stubs.expect_no_launched_cluster()
    stubs.expect_events()
    assert len(stubs.destroy("prod", lambda _: None)) == 1


def test_a_cluster_that_emr_no_longer_knows_is_in_nobodys_way() -> None:
    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state=FORGOTTEN)
    stubs.expect_no_launched_cluster()
    stubs.expect_events()
    assert len(stubs.destroy("prod", lambda _: None)) == 1


@pytest.mark.parametrize("state", ["TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_a_cluster_that_the_trigger_launched_is_ended_before_its_network_goes(state: str) -> None:
    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state=None)
    stubs.expect_stopped_trigger()
    named = [
        {"Id": CLUSTER, "Name": "tidelake-prod-processing"},
        {"Id": "j-OTHER", "Name": "tidelake-dev-processing"},
    ]
    stubs.stubs["emr"].add_response("list_clusters", {"Clusters": named})
    stubs.expect_ended(CLUSTER, state)
    stubs.expect_events()
    assert len(stubs.destroy("prod", lambda _: None)) == 1


def test_a_cluster_that_was_launched_before_the_stack_had_one_is_ended_too() -> None:
    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state="WAITING")
    stubs.expect_cluster_lifting()
    stubs.expect_no_launched_cluster(CLUSTER, "j-EARLIER")
    stubs.expect_ended("j-EARLIER", "TERMINATED")
    stubs.expect_events()
    assert len(stubs.destroy("prod", lambda _: None)) == 1


def test_a_stack_whose_first_change_set_was_never_carried_out_is_read() -> None:
    stubs = Stubs()
    cloudformation = stubs.stubs["cloudformation"]
    cloudformation.add_response(
        "describe_stacks",
        {
            "Stacks": [
                {
                    "StackName": "tidelake-prod-storage",
                    "StackId": STACK_ID,
                    "StackStatus": "REVIEW_IN_PROGRESS",
                    "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
                }
            ]
        },
    )
    cloudformation.add_response("list_stack_resources", {"StackResourceSummaries": []})
    for _ in range(3):
        cloudformation.add_client_error("describe_stacks", "ValidationError")
    cloudformation.activate()
    [stack] = deployed_stacks(stubs.clients["cloudformation"], "prod")
    assert (stack.name, stack.resources, stack.retained) == ("tidelake-prod-storage", (), ())


def test_another_name_changes_nothing() -> None:
    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state="WAITING")
    with pytest.raises(ConfigurationError, match="allowed: the environment's name, prod"):
        stubs.destroy("dev", lambda _: pytest.fail("destroyed"))
    # Neither was protection lifted nor the cluster touched.
    with pytest.raises(AssertionError):
        stubs.stubs["cloudformation"].assert_no_pending_responses()
    with pytest.raises(AssertionError):
        stubs.stubs["emr"].assert_no_pending_responses()


def test_a_failure_of_the_cdk_is_passed_on_with_what_is_left_so_far() -> None:
    def fail(_: Target) -> None:
        raise CommandError("cdk destroy ended with exit status 1")

    stubs = Stubs()
    stubs.expect_half_an_environment(cluster_state="WAITING")
    stubs.expect_cluster_lifting()
    stubs.expect_no_launched_cluster()
    stubs.expect_events()
    with pytest.raises(CommandError):
        stubs.destroy("prod", fail)
    # The next attempt no longer sees the stacks that are gone.
    assert stubs.printed.getvalue().endswith(
        "Left so far, for you to keep or to delete:\n  AWS::Logs::LogGroup trigger-logs\n"
    )


def test_without_the_cdk_nothing_is_changed(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="the toolchain is not set up; run"):
        cdk_destroy(tmp_path)
