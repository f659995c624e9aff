"""Kinesis -> Lambda mappings on the real local AWS."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from typing import Any

import pytest

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

HANDLER = """
import base64, json, os, boto3

def handler(event, context):
    records = event["Records"]
    data = [base64.b64decode(r["kinesis"]["data"]).decode() for r in records]
    if data[0] == "poison":
        raise ValueError("poison")
    done = data[:data.index("poison")] if "poison" in data else data
    boto3.client("sqs").send_message(QueueUrl=os.environ["REPORT"], MessageBody=json.dumps(done))
    failed = [r["kinesis"]["sequenceNumber"] for r in records[len(done):]]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed[:1]]}
"""


class StreamMapping:
    """A stream of two shards, a function that reports what it did, and a queue for failures."""

    def __init__(self, local_aws: LocalAwsUnderTest) -> None:
        self.name = f"m{uuid.uuid4().hex[:12]}"
        self.kinesis = local_aws.client("kinesis")
        self.sqs = local_aws.client("sqs")
        self.functions = local_aws.client("lambda")
        self.kinesis.create_stream(StreamName=self.name, ShardCount=2)
        self.report = self.sqs.create_queue(QueueName=f"{self.name}-report")["QueueUrl"]
        self.failures = self.sqs.create_queue(QueueName=f"{self.name}-failures")["QueueUrl"]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as code:
            code.writestr("report.py", HANDLER)
        self.functions.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Handler="report.handler",
            Role="arn:aws:iam::000000000000:role/any",
            Timeout=30,
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"REPORT": self.report}},
        )
        waiter = self.functions.get_waiter("function_active_v2")
        waiter.wait(FunctionName=self.name, WaiterConfig={"Delay": 1})

    def start(self, **options: Any) -> None:
        self.functions.create_event_source_mapping(
            FunctionName=self.name,
            EventSourceArn=f"arn:aws:kinesis:us-east-1:000000000000:stream/{self.name}",
            DestinationConfig={
                "OnFailure": {
                    "Destination": f"arn:aws:sqs:us-east-1:000000000000:{self.name}-failures"
                }
            },
            **{"StartingPosition": "TRIM_HORIZON", **options},
        )

    def put(self, *texts: str, key: str | None = None) -> None:
        self.kinesis.put_records(
            StreamName=self.name,
            Records=[
                {"Data": text.encode(), "PartitionKey": text if key is None else key}
                for text in texts
            ],
        )

    def wait_for_done(self, count: int, seconds: float = 30) -> list[str]:
        """What the function did, in order; at least `count` of it."""
        found: list[str] = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} were done"
            for message in self._receive(self.report):
                found += json.loads(message)
        return found

    def wait_for_failure(self, seconds: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self._receive(self.failures):
                document: dict[str, Any] = json.loads(message)
                return document
        raise AssertionError("nothing came to the on-failure queue")

    def _receive(self, queue: str) -> list[str]:
        reply = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in reply.get("Messages", []):
            self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in reply.get("Messages", [])]


@pytest.fixture
def mapping(local_aws: LocalAwsUnderTest) -> StreamMapping:
    return StreamMapping(local_aws)


def test_a_poison_record_ends_in_the_on_failure_queue_and_its_neighbours_are_done(
    mapping: StreamMapping,
) -> None:
    good = [str(number) for number in range(20)]
    mapping.put(*good[:7], "poison", *good[7:], key="one")
    mapping.start(
        BatchSize=100,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert mapping.wait_for_done(20) == good
    failure = mapping.wait_for_failure()
    batch = failure["KinesisBatchInfo"]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["functionArn"].endswith(f":function:{mapping.name}")
    assert batch["batchSize"] == 1
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"]
    found = mapping.kinesis.get_shard_iterator(
        StreamName=mapping.name,
        ShardId=batch["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=batch["startSequenceNumber"],
    )
    records = mapping.kinesis.get_records(ShardIterator=found["ShardIterator"])["Records"]
    assert records[0]["Data"] == b"poison"


def test_children_are_handed_over_from_their_start_after_their_parents(
    mapping: StreamMapping,
) -> None:
    mapping.start(BatchSize=3, StartingPosition="LATEST")
    before = [f"a{number}" for number in range(20)]
    after = [f"b{number}" for number in range(20)]
    mapping.put(*before, key="one")
    mapping.kinesis.update_shard_count(
        StreamName=mapping.name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    mapping.put(*after, key="one")
    assert mapping.wait_for_done(40) == before + after


def test_latest_begins_when_the_mapping_is_made(mapping: StreamMapping) -> None:
    mapping.put("early")
    mapping.start(StartingPosition="LATEST")
    mapping.put("late")
    assert mapping.wait_for_done(1) == ["late"]
