"""What the pipeline is asked to do, one test for each criterion, all of one demo that stays up.

The criteria are those of the two exercises that the project grew out of: a data stream with its
clients, and the pipeline from it through S3 to EMR.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Shell, copy_project
from tests.infra.conftest import cdk_context, synthesize
from tidelake.client.outputs import read_outputs
from tidelake.contract.deployment import Output, StackRole
from tidelake.local.endpoint import local_client
from tidelake.local.lifecycle import local_status

pytestmark = pytest.mark.slow

EVENTS = 500
TIDELAKE = ".venv/bin/tidelake"
MESSAGES_LIMIT_SECONDS = 30
# Without them, CloudWatch describes metric alarms alone.
ALARM_TYPES = ["MetricAlarm", "CompositeAlarm"]


@dataclass(frozen=True)
class KeptDemo:
    """A demo that has run through, and whose local AWS and stacks are still there."""

    shell: Shell
    endpoint: str
    outputs: dict[Output, str]
    summary: dict[str, Any]

    def client(self, service: str) -> Any:
        return local_client(service, self.endpoint)

    def resources(self, role: StackRole) -> dict[str, list[str]]:
        """Physical ids of a stack's resources, by type."""
        reply = self.client("cloudformation").describe_stack_resources(
            StackName=role.stack_name("local")
        )
        found: dict[str, list[str]] = {}
        for resource in reply["StackResources"]:
            found.setdefault(resource["ResourceType"], []).append(resource["PhysicalResourceId"])
        return found

    def objects(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2")
        bucket = self.outputs[Output.LAKE_BUCKET]
        return [
            entry["Key"]
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for entry in page.get("Contents", [])
        ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptDemo]:
    project = copy_project(tmp_path_factory.mktemp("criteria") / "project")
    folder = project.project_dir
    try:
        # Nothing but this command: from here to the tables no hand is lent.
        run = project.run("make", "demo", "KEEP=1", f"EVENTS={EVENTS}", "OUT=build/demo")
        assert run.returncode == 0, run.stdout + run.stderr
        endpoint = local_status(folder / ".tidelake").endpoint
        assert endpoint is not None
        yield KeptDemo(
            shell=project,
            endpoint=endpoint,
            outputs=read_outputs(local_client("cloudformation", endpoint), "local"),
            summary=json.loads((folder / "build/demo/summary.json").read_text()),
        )
    finally:
        project.run(TIDELAKE, "local", "down")


# The data stream and its clients


def test_the_data_stream_is_made_and_active(demo: KeptDemo) -> None:
    stream = demo.client("kinesis").describe_stream_summary(StreamName=demo.outputs[Output.STREAM])[
        "StreamDescriptionSummary"
    ]
    assert stream["StreamStatus"] == "ACTIVE"
    assert stream["OpenShardCount"] == 2


def test_data_is_sent_and_received(demo: KeptDemo) -> None:
    received = demo.shell.run(TIDELAKE, "tail", "--from-start", "--limit", "20", "--json")
    assert received.returncode == 0, received.stderr
    events = [json.loads(line) for line in received.stdout.splitlines()]
    assert len({event["event_id"] for event in events}) == 20
    assert {event["source"] for event in events} == {"web_log"}


def test_batches_are_sent(demo: KeptDemo) -> None:
    counts = demo.summary["input"]
    assert (counts["lines"], counts["accepted"], counts["rejected"]) == (EVENTS, EVENTS, 0)
    assert demo.summary["stream"]["events"] == EVENTS


def test_metrics_can_be_seen_in_cloudwatch(demo: KeptDemo) -> None:
    """AWS publishes them there; here they are put as AWS does, and found by the dashboard."""
    cloudwatch = demo.client("cloudwatch")
    body = cloudwatch.get_dashboard(DashboardName=demo.outputs[Output.DASHBOARD])["DashboardBody"]
    stream = demo.outputs[Output.STREAM]
    shown = [
        line
        for widget in json.loads(body)["widgets"]
        for line in widget["properties"].get("metrics", [])
        if line[:1] == ["AWS/Kinesis"] and stream in line
    ]
    assert "IncomingRecords" in {line[1] for line in shown}
    for namespace, name, dimension, value, *_ in shown:
        series = {
            "MetricName": name,
            "Dimensions": [{"Name": dimension, "Value": value}],
        }
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{**series, "Value": 7.0}])
        now = datetime.now(UTC)
        [point] = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            **series,
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Maximum"],
        )["Datapoints"]
        assert point["Maximum"] == 7.0


def test_a_real_time_simulation_runs_smoothly(demo: KeptDemo) -> None:
    rate, seconds = 40, 5
    started = time.monotonic()
    run = demo.shell.run(
        *(TIDELAKE, "simulate", "--mix", "web_log=1", "--rate", str(rate)),
        *("--duration", str(seconds), "--bad", "0%", "--late", "0%", "--duplicates", "0%"),
        *("--truth", "build/truth.json"),
    )
    assert run.returncode == 0, run.stderr
    assert time.monotonic() - started >= seconds
    truth = json.loads((demo.shell.project_dir / "build/truth.json").read_text())
    assert truth["web_log"]["lines"] == rate * seconds


# The pipeline from the data stream to the tables


def test_data_flows_from_kinesis_through_firehose_to_s3(demo: KeptDemo) -> None:
    assert demo.summary["raw"]["events"] == EVENTS
    assert demo.summary["raw"]["conversion_failed"] == 0
    assert demo.objects("streaming-errors/") == []


def test_raw_objects_lie_below_year_month_day_and_hour(demo: KeptDemo) -> None:
    keys = demo.objects("streaming-data/")
    assert keys != []
    for key in keys:
        matched = re.match(
            r"streaming-data/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/[^/]+\.parquet$", key
        )
        assert matched is not None, key
        year, month, day, hour = map(int, matched.groups())
        age = datetime.now(UTC) - datetime(year, month, day, hour, tzinfo=UTC)
        assert timedelta(0) <= age < timedelta(hours=2)


def test_the_trigger_runs_emr_by_itself(demo: KeptDemo) -> None:
    steps = demo.client("emr").list_steps(ClusterId=demo.outputs[Output.CLUSTER])["Steps"]
    manifests = {Path(key).stem for key in demo.objects("manifests/")}
    assert len(steps) == len(manifests) > 0
    for step in steps:
        assert any(batch[:12] in step["Name"] for batch in manifests)


def test_spark_jobs_complete_and_their_results_are_there(demo: KeptDemo) -> None:
    assert {step["state"] for step in demo.summary["steps"]} == {"COMPLETED"}
    assert demo.summary["curated"]["events"] == EVENTS
    assert sum(demo.summary["results"]["events_by_status"].values()) == EVENTS
    assert demo.objects("processed-data/") != []


def test_at_least_95_of_100_lines_are_processed(demo: KeptDemo) -> None:
    assert demo.summary["curated"]["events"] / demo.summary["input"]["lines"] >= 0.95


def test_data_is_in_the_tables_within_ten_minutes(demo: KeptDemo) -> None:
    assert demo.summary["seconds"]["total"] < 600


def test_spot_instances_are_used_where_they_hold_no_data(tmp_path: Path) -> None:
    context = cdk_context()
    context["environments"]["prod"]["cluster"]["task_instances"] = 2
    [cluster] = synthesize("prod", tmp_path, context).resources("AWS::EMR::Cluster")
    instances = cluster["Properties"]["Instances"]
    [task] = instances["TaskInstanceGroups"]
    assert task["Market"] == "SPOT"
    assert instances["CoreInstanceGroup"].get("Market", "ON_DEMAND") == "ON_DEMAND"


# Alarms


def breaching(alarm: dict[str, Any]) -> float:
    below = alarm["ComparisonOperator"].startswith("LessThan")
    threshold: float = alarm["Threshold"]
    return threshold - 1 if below else threshold + 1


def put_breaching_data(cloudwatch: Any, alarm: dict[str, Any]) -> None:
    """A value beyond the threshold in each period that the alarm looks at, and nowhere else."""
    cloudwatch.put_metric_data(
        Namespace=alarm["Namespace"],
        MetricData=[
            {
                "MetricName": alarm["MetricName"],
                "Dimensions": alarm["Dimensions"],
                "Value": breaching(alarm),
                "Timestamp": time.time() - 1 - period * alarm["Period"],
            }
            for period in range(alarm["EvaluationPeriods"])
        ],
    )


def subscribe(demo: KeptDemo) -> str:
    """A queue that gets whatever the alarm topic is told."""
    sqs = demo.client("sqs")
    url: str = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    demo.client("sns").subscribe(
        TopicArn=demo.outputs[Output.ALARM_TOPIC], Protocol="sqs", Endpoint=arn["QueueArn"]
    )
    return url


def alarms_told(demo: KeptDemo, queue: str, expected: set[str]) -> set[str]:
    """Names of the alarms that the queue was told to be on, when all are there or time is up."""
    told: set[str] = set()
    deadline = time.monotonic() + MESSAGES_LIMIT_SECONDS
    while not expected <= told and time.monotonic() < deadline:
        reply = demo.client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        for message in reply.get("Messages", []):
            notice = json.loads(json.loads(message["Body"])["Message"])
            assert notice["NewStateValue"] == "ALARM"
            told.add(notice["AlarmName"])
            demo.client("sqs").delete_message(
                QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"]
            )
    return told


def test_every_alarm_goes_off_by_its_own_data_and_tells_the_topic(demo: KeptDemo) -> None:
    cloudwatch = demo.client("cloudwatch")
    named = [
        name
        for role in StackRole
        for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for name in demo.resources(role).get(kind, [])
    ]
    described = cloudwatch.describe_alarms(AlarmNames=named, AlarmTypes=ALARM_TYPES)
    alarms, composites = described["MetricAlarms"], described["CompositeAlarms"]
    assert len(alarms) >= 10
    assert [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"] == []

    queue = subscribe(demo)
    for alarm in alarms:
        put_breaching_data(cloudwatch, alarm)
    after = cloudwatch.describe_alarms(AlarmNames=named, AlarmTypes=ALARM_TYPES)
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in after["MetricAlarms"]}
    assert states == {alarm["AlarmName"]: "ALARM" for alarm in alarms}
    assert [composite["StateValue"] for composite in after["CompositeAlarms"]] == ["ALARM"]
    expected = {alarm["AlarmName"] for alarm in (*alarms, *composites)}
    assert alarms_told(demo, queue, expected) == expected


def test_every_alarm_watches_a_resource_that_is_there(demo: KeptDemo) -> None:
    ids = {
        name.rsplit("/", 1)[-1]
        for role in StackRole
        for names in demo.resources(role).values()
        for name in names
    }
    named = demo.resources(StackRole.MONITORING)["AWS::CloudWatch::Alarm"]
    watched = {
        dimension["Value"]
        for alarm in demo.client("cloudwatch").describe_alarms(AlarmNames=named)["MetricAlarms"]
        for dimension in alarm["Dimensions"]
    }
    # The project's own metrics are by environment.
    assert watched - {"local"} <= ids
    assert demo.outputs[Output.STREAM] in watched
