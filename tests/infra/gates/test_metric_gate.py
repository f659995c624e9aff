"""The metric gate: it passes what is there, and names what is planted."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from stacks.metric_catalogue import CATALOGUE
from stacks.metric_gate import find_dead_metrics
from tests.infra.conftest import JsonObject, Synthesis

STREAM = {"Ref": "Stream"}
FIREHOSE = {"Ref": "Firehose"}


def app(planted: JsonObject) -> dict[str, JsonObject]:
    """The templates of an app with a stream, a delivery stream, and what is planted."""
    return {
        "ingestion": {
            "Resources": {
                "Stream": {
                    "Type": "AWS::Kinesis::Stream",
                    "Properties": {"DesiredShardLevelMetrics": ["IncomingBytes"]},
                },
                "Firehose": {"Type": "AWS::KinesisFirehose::DeliveryStream"},
                "Function": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"Environment": {"Variables": {"TIDELAKE_ENVIRONMENT": "dev"}}},
                },
                "Shared": {
                    "Type": "AWS::SSM::Parameter",
                    "Properties": {"Name": "/shared/firehose", "Value": FIREHOSE},
                },
            },
            "Outputs": {"StreamName": {"Value": STREAM}},
        },
        "monitoring": {
            "Parameters": {"Handed": {"Default": "/shared/firehose"}},
            "Resources": {"Planted": planted},
        },
    }


def alarm(namespace: str, name: str, **dimensions: Any) -> JsonObject:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        },
    }


def dashboard(*lines: list[Any]) -> JsonObject:
    """A dashboard of one graph; text in the lines that starts with @ becomes a reference."""
    body = json.dumps({"widgets": [{"properties": {"metrics": list(lines)}}]})
    pieces: list[Any] = []
    for number, piece in enumerate(body.split("@")):
        if number:
            pieces.append({"Fn::GetStackOutput": OUTPUT})
        pieces.append(piece)
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardBody": {"Fn::Join": ["", pieces]}},
    }


OUTPUT = {"StackName": "ingestion", "OutputName": "StreamName"}
OTHER_STREAM = {"Fn::GetStackOutput": OUTPUT}
HANDED = {"Ref": "Handed"}


def problems(planted: JsonObject) -> list[str]:
    return [finding.problem for finding in find_dead_metrics(app(planted))]


def search(text: str) -> list[Any]:
    return [{"expression": f"SEARCH('{text}', 'Sum', 300)"}]


def test_every_metric_of_an_environment_is_published(synthesis: Synthesis) -> None:
    documents = {
        role.stack_name(synthesis.environment): document
        for role, document in synthesis.documents.items()
    }
    assert find_dead_metrics(documents) == []


@pytest.mark.parametrize(
    "planted",
    [
        alarm("AWS/Kinesis", "IncomingRecords", StreamName=OTHER_STREAM),
        alarm("AWS/Firehose", "DeliveryToS3.Success", DeliveryStreamName=HANDED),
        dashboard(["AWS/Kinesis", "IncomingRecords", "StreamName", "@", {"stat": "Sum"}]),
        dashboard(
            search('{AWS/Kinesis,ShardId,StreamName} MetricName="IncomingBytes" StreamName="@"')
        ),
        alarm("Tidelake", "ObjectsForgotten", Environment="dev"),
        dashboard(["Tidelake", "EventsCurated", "Environment", "dev", {"stat": "Sum"}]),
        dashboard(search('{AWS/ElasticMapReduce,JobFlowId} MetricName="AppsRunning"')),
    ],
    ids=["stack output", "parameter", "widget", "search", "own", "own widget", "no cluster"],
)
def test_a_published_metric_passes(planted: JsonObject) -> None:
    assert problems(planted) == []


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        (
            alarm("AWS/KinesisFirehose", "DeliveryToS3.Success", DeliveryStreamName=HANDED),
            "AWS/KinesisFirehose publishes no metric with DeliveryStreamName",
        ),
        (
            alarm("AWS/Kinesis", "IncomingRecords"),
            "AWS/Kinesis publishes no metric with no dimension",
        ),
        (
            alarm("AWS/Firehose", "DeliveryToS3.Failure", DeliveryStreamName=HANDED),
            "AWS/Firehose publishes no DeliveryToS3.Failure; see https://docs.aws.amazon.com/"
            "firehose/latest/dev/monitoring-with-cloudwatch-metrics.html",
        ),
        (
            alarm("AWS/Kinesis", "IncomingRecords", StreamName="my-stream"),
            "StreamName is 'my-stream', which refers to no resource of the app",
        ),
        (
            alarm("AWS/Kinesis", "IncomingRecords", StreamName=HANDED),
            "StreamName refers to an AWS::KinesisFirehose::DeliveryStream, "
            "not to an AWS::Kinesis::Stream",
        ),
        (
            alarm("AWS/Kinesis", "IncomingBytes", StreamName=OTHER_STREAM, ShardId="shard-0"),
            "ShardId is named by a literal; search for it",
        ),
        (
            dashboard(["AWS/Kinesis", "StepsFailed", "StreamName", "@"]),
            "AWS/Kinesis publishes no StepsFailed; see https://docs.aws.amazon.com/"
            "streams/latest/dev/monitoring-with-cloudwatch.html",
        ),
        (
            dashboard(search('{AWS/Kinesis,ShardId,StreamName} StreamName="@"')),
            "searches AWS/Kinesis without MetricName",
        ),
        (
            dashboard(
                search('{AWS/Kinesis,ShardId,StreamName} MetricName="OutgoingBytes" StreamName="@"')
            ),
            "OutgoingBytes is not in DesiredShardLevelMetrics of the resource it is read from",
        ),
        (
            dashboard(search('{AWS/Kinesis,Shard} MetricName="IncomingBytes"')),
            "AWS/Kinesis publishes no metric with Shard",
        ),
        (
            alarm("Tidelake", "ObjectsForgoten", Environment="dev"),
            "Tidelake publishes no ObjectsForgoten; see tidelake/contract/metrics.py",
        ),
        (
            alarm("Tidelake", "ObjectsForgotten", Environment="prod"),
            "Environment is 'prod', which no function of the app is told in TIDELAKE_ENVIRONMENT",
        ),
        (
            alarm("Tidelake", "ObjectsForgotten"),
            "Tidelake publishes no metric with no dimension",
        ),
        (
            dashboard(search('{AWS/SQS,QueueName} MetricName="SentMessageSize"')),
            "QueueName is None, which refers to no resource of the app",
        ),
        (
            {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {"AlarmRule": 'ALARM("DeliveryFailing")'},
            },
            "names the alarm DeliveryFailing by a literal",
        ),
        (
            {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {"Metrics": [{"Expression": "SEARCH('{AWS/SQS}', 'Sum')"}]},
            },
            "an alarm takes no SEARCH",
        ),
    ],
)
def test_a_dead_metric_is_named(planted: JsonObject, problem: str) -> None:
    assert problems(planted) == [problem]


def test_a_metric_of_steps_that_emr_does_not_publish_is_named() -> None:
    documents = copy.deepcopy(
        app(alarm("AWS/ElasticMapReduce", "StepsFailed", JobFlowId={"Ref": "Cluster"}))
    )
    documents["monitoring"]["Resources"]["Cluster"] = {"Type": "AWS::EMR::Cluster"}
    [finding] = find_dead_metrics(documents)
    assert str(finding).startswith(
        "monitoring: Planted: AWS/ElasticMapReduce publishes no StepsFailed"
    )


def test_a_search_for_a_cluster_that_the_app_has_is_named() -> None:
    documents = app(dashboard(search('{AWS/ElasticMapReduce,JobFlowId} MetricName="AppsRunning"')))
    documents["ingestion"]["Resources"]["Cluster"] = {"Type": "AWS::EMR::Cluster"}
    [finding] = find_dead_metrics(documents)
    assert finding.problem == "JobFlowId is None, which refers to no resource of the app"


def test_every_list_of_metrics_has_its_source() -> None:
    for published in CATALOGUE:
        own = published.namespace == "Tidelake"
        start = "tidelake/contract/" if own else "https://docs.aws.amazon.com/"
        assert published.source.startswith(start)
    assert len({(entry.namespace, entry.dimensions) for entry in CATALOGUE}) == len(CATALOGUE)
