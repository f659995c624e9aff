"""The deployed code of the Lambda consumer, fed by the local AWS."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.client.packing import packed
from tests.conftest import PROJECT_DIR, LocalAwsUnderTest

pytestmark = pytest.mark.slow

SHIPPED = ("lambda_src/__init__.py", "lambda_src/telemetry.py", "tidelake/__init__.py")


def function_zip() -> bytes:
    """What `function_code("stream_counter")` ships."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        files = [PROJECT_DIR / name for name in SHIPPED]
        for folder in ("lambda_src/stream_counter", "tidelake/contract"):
            files += sorted((PROJECT_DIR / folder).rglob("*.py"))
        for file in files:
            code.write(file, Path(file).relative_to(PROJECT_DIR))
    return archive.getvalue()


def event(number: int) -> bytes:
    kind = {"source": "web_log", "event_type": "GET"}
    return json.dumps({"event_id": str(number), **kind}).encode()


def counted(logs: Any, group: str) -> int:
    events = logs.filter_log_events(logGroupName=group)["events"]
    documents = [json.loads(e["message"]) for e in events if '"EventsCounted"' in e["message"]]
    return sum(document["EventsCounted"] for document in documents)


def test_a_poison_record_ends_in_the_on_failure_queue_and_its_neighbours_are_counted(
    local_aws: LocalAwsUnderTest,
) -> None:
    name = f"c{uuid.uuid4().hex[:12]}"
    kinesis, sqs = local_aws.client("kinesis"), local_aws.client("sqs")
    functions, logs = local_aws.client("lambda"), local_aws.client("logs")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    failures = sqs.create_queue(QueueName=name)["QueueUrl"]
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="lambda_src.stream_counter.handler.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Timeout=30,
        Code={"ZipFile": function_zip()},
        Environment={"Variables": {"TIDELAKE_ENVIRONMENT": "local"}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    blobs = [event(0), packed(event(1), event(2)), b"poison", event(3), b"more poison", event(4)]
    kinesis.put_records(
        StreamName=name, Records=[{"Data": blob, "PartitionKey": "k"} for blob in blobs]
    )
    functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}",
        StartingPosition="TRIM_HORIZON",
        BatchSize=500,
        MaximumBatchingWindowInSeconds=1,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={
            "OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{name}"}
        },
    )
    set_aside: list[int] = []
    deadline = time.monotonic() + 60
    while len(set_aside) < 2 and time.monotonic() < deadline:
        reply = sqs.receive_message(QueueUrl=failures, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in reply.get("Messages", []):
            set_aside.append(json.loads(message["Body"])["KinesisBatchInfo"]["batchSize"])
            sqs.delete_message(QueueUrl=failures, ReceiptHandle=message["ReceiptHandle"])
    assert set_aside == [1, 1]
    while counted(logs, f"/aws/lambda/{name}") < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert counted(logs, f"/aws/lambda/{name}") == 5
