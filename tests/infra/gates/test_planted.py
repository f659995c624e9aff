"""What must not be in a template, planted there: a gate fails, and names it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.acknowledgments import ACKNOWLEDGED
from stacks.linter_acknowledgments import CHECKOV_ACKNOWLEDGED
from stacks.metric_gate import find_dead_metrics
from stacks.pipeline import Pipeline
from tests.infra.conftest import JsonObject, Synthesis
from tests.infra.gates import checkov, nag
from tests.infra.gates.apps import build
from tests.infra.gates.findings import Finding, unexplained
from tidelake.contract.deployment import StackRole

Plant = Callable[[Pipeline], object]


def public_bucket(pipeline: Pipeline) -> None:
    s3.Bucket(
        pipeline.storage,
        "Planted",
        block_public_access=s3.BlockPublicAccess(
            block_public_acls=False,
            block_public_policy=False,
            ignore_public_acls=False,
            restrict_public_buckets=False,
        ),
    )


def full_access(pipeline: Pipeline) -> None:
    iam.Role(
        pipeline.processing,
        "Planted",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonS3FullAccess")],
    )


def pass_any_role(pipeline: Pipeline) -> None:
    _role(pipeline, iam.PolicyStatement(actions=["iam:PassRole"], resources=["*"]))


def every_action(pipeline: Pipeline) -> None:
    bucket = pipeline.storage.lake.bucket.bucket_arn
    _role(pipeline, iam.PolicyStatement(actions=["s3:*"], resources=[bucket]))


def every_action_of_every_service(pipeline: Pipeline) -> None:
    _role(pipeline, iam.PolicyStatement(actions=["*"], resources=["*"]))


def _role(pipeline: Pipeline, statement: iam.PolicyStatement) -> None:
    role = iam.Role(
        pipeline.processing, "Planted", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")
    )
    role.add_to_policy(statement)


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (public_bucket, Finding("AwsSolutions-S2", "", "Planted/Resource")),
        (
            full_access,
            Finding(
                "AwsSolutions-IAM4",
                "Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonS3FullAccess",
                "Planted/Resource",
            ),
        ),
        (
            pass_any_role,
            Finding("AwsSolutions-IAM5", "Resource::*", "Planted/DefaultPolicy/Resource"),
        ),
        (
            every_action,
            Finding("AwsSolutions-IAM5", "Action::s3:*", "Planted/DefaultPolicy/Resource"),
        ),
    ],
)
def test_cdk_nag_names_what_is_planted_and_nothing_else(
    plant: Plant, named: Finding, tmp_path: Path
) -> None:
    found = unexplained(nag.findings(build(tmp_path, plant=plant).app, "dev"), ACKNOWLEDGED)
    assert named in found
    assert {finding.path.split("/")[0] for finding in found} == {"Planted"}


def test_checkov_names_what_is_planted_and_nothing_else(tmp_path: Path) -> None:
    plants = {"public bucket": public_bucket, "every action": every_action_of_every_service}
    for name, plant in plants.items():
        build(tmp_path / name, plant=plant)
    found = {
        name: {(finding.rule, finding.path) for finding in unexplained(all_, CHECKOV_ACKNOWLEDGED)}
        for name, all_ in checkov.findings(tmp_path).items()
    }
    # "Ensure S3 bucket has 'block public policy' enabled".
    assert ("CKV_AWS_54", "Planted/Resource") in found["public bucket"]
    # "Ensure no IAM policies documents allow "*" as a statement's actions".
    assert ("CKV_AWS_63", "Planted/DefaultPolicy/Resource") in found["every action"]
    assert {path.split("/")[0] for _, path in set().union(*found.values())} == {"Planted"}


def _alarm_on(document: JsonObject, namespace: str) -> JsonObject:
    """The properties of the first alarm of a template on a metric of that namespace."""
    alarms = (
        resource["Properties"]
        for resource in document["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    )
    return next(alarm for alarm in alarms if alarm.get("Namespace") == namespace)


def old_namespace(document: JsonObject) -> None:
    _alarm_on(document, "AWS/Firehose")["Namespace"] = "AWS/KinesisFirehose"


def steps_failed(document: JsonObject) -> None:
    [cluster] = [
        name
        for name, parameter in document["Parameters"].items()
        if parameter["Default"].endswith("/cluster")
    ]
    _alarm_on(document, "AWS/Events").update(
        Namespace="AWS/ElasticMapReduce",
        MetricName="StepsFailed",
        Dimensions=[{"Name": "JobFlowId", "Value": {"Ref": cluster}}],
    )


def no_stream_name(document: JsonObject) -> None:
    _alarm_on(document, "AWS/Kinesis")["Dimensions"] = []


@pytest.mark.parametrize(
    ("plant", "alarm", "problem"),
    [
        (
            old_namespace,
            "WatchDeliveryStale",
            "AWS/KinesisFirehose publishes no metric with DeliveryStreamName",
        ),
        (steps_failed, "WatchStepsFailing", "AWS/ElasticMapReduce publishes no StepsFailed"),
        (no_stream_name, "WatchWriteThrottled", "AWS/Kinesis publishes no metric with no dimen"),
    ],
)
def test_the_metric_gate_names_an_alarm_that_would_never_go_off(
    plant: Callable[[JsonObject], None], alarm: str, problem: str, prod: Synthesis
) -> None:
    documents = {
        role.stack_name("prod"): copy.deepcopy(document)
        for role, document in prod.documents.items()
    }
    assert find_dead_metrics(documents) == []
    plant(documents[StackRole.MONITORING.stack_name("prod")])
    [finding] = find_dead_metrics(documents)
    stack, planted, found = str(finding).split(": ", 2)
    assert stack == "tidelake-prod-monitoring"
    assert planted.startswith(alarm)
    assert found.startswith(problem)
