"""The Lambda consumer deployed to the local AWS by the real CDK CLI, and fed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client.packing import packed
from tests.conftest import LocalAwsUnderTest
from tests.infra.conftest import JsonObject
from tests.infra.deployment import Deployments, silent
from tidelake.client.outputs import read_outputs
from tidelake.contract.deployment import Output, StackRole

ENVIRONMENT = "counter"
VALUES: JsonObject = {
    "stream": {"shards": 1},
    "consumer_function": {
        "enabled": True,
        "batching_window_seconds": 1,
        "retry_attempts": 1,
        "starting_position": "trim_horizon",
    },
    "lake": {"database_name": "counter_db"},
    "network": {"interface_endpoints": []},
}
LIMIT_SECONDS = 60


def event(number: int) -> bytes:
    kind = {"source": "web_log", "event_type": "request"}
    return json.dumps({"event_id": str(number), **kind}).encode()


def resources(aws: LocalAwsUnderTest, kind: str) -> dict[str, str]:
    """Logical and physical ids of the ingestion stack's resources of one type."""
    found = aws.client("cloudformation").describe_stack_resources(
        StackName=StackRole.INGESTION.stack_name(ENVIRONMENT)
    )["StackResources"]
    return {
        entry["LogicalResourceId"]: entry["PhysicalResourceId"]
        for entry in found
        if entry["ResourceType"] == kind
    }


def counted(logs: Any, group: str) -> int:
    events = logs.filter_log_events(logGroupName=group)["events"]
    documents = [json.loads(e["message"]) for e in events if '"EventsCounted"' in e["message"]]
    return sum(document["EventsCounted"] for document in documents)


@pytest.mark.slow
def test_a_poison_record_ends_in_the_on_failure_queue_and_its_neighbours_are_counted(
    local_aws: LocalAwsUnderTest, tmp_path: Path
) -> None:
    cdk = Deployments(local_aws.endpoint, tmp_path).deploy(ENVIRONMENT, VALUES)
    kinesis, sqs = local_aws.client("kinesis"), local_aws.client("sqs")
    stream = read_outputs(local_aws.client("cloudformation"), ENVIRONMENT)[Output.STREAM]
    [queue] = resources(local_aws, "AWS::SQS::Queue").values()
    [group] = [
        physical
        for logical, physical in resources(local_aws, "AWS::Logs::LogGroup").items()
        if logical.startswith("CounterCount")
    ]
    blobs = [event(0), packed(event(1), event(2)), b"poison", event(3), b"more poison", event(4)]
    kinesis.put_records(
        StreamName=stream, Records=[{"Data": blob, "PartitionKey": "k"} for blob in blobs]
    )

    set_aside: list[int] = []
    deadline = time.monotonic() + LIMIT_SECONDS
    while len(set_aside) < 2 and time.monotonic() < deadline:
        reply = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in reply.get("Messages", []):
            set_aside.append(json.loads(message["Body"])["KinesisBatchInfo"]["batchSize"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert set_aside == [1, 1]
    logs = local_aws.client("logs")
    while counted(logs, group) < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert counted(logs, group) == 5
    cdk.destroy(silent)
