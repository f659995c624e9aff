"""Batches that the real local AWS hands from a queue to a function."""

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
import json, os, boto3

def handler(event, context):
    bodies = [record["body"][:10] for record in event["Records"]]
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["REPORT"], MessageBody=json.dumps(bodies))
    bad = [r["messageId"] for r in event["Records"]
           if r["body"] == "bad" and r["attributes"]["ApproximateReceiveCount"] == "1"]
    return {"batchItemFailures": [{"itemIdentifier": id} for id in bad]}
"""


class Mapping:
    """A queue, a function that reports each batch it gets, and the mapping between them."""

    def __init__(self, local_aws: LocalAwsUnderTest) -> None:
        self.name = f"q{uuid.uuid4().hex[:12]}"
        self.sqs = local_aws.client("sqs")
        self.functions = local_aws.client("lambda")
        attributes = {"VisibilityTimeout": "5"}
        queue = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)
        self.queue = queue["QueueUrl"]
        self.report = self.sqs.create_queue(QueueName=f"{self.name}-report")["QueueUrl"]
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

    def send(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 4):
            entries = [
                {"Id": str(number), "MessageBody": body}
                for number, body in enumerate(bodies[start : start + 4])
            ]
            self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)

    def start(self, *, batch_size: int, window_seconds: int) -> None:
        self.functions.create_event_source_mapping(
            FunctionName=self.name,
            EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{self.name}",
            BatchSize=batch_size,
            MaximumBatchingWindowInSeconds=window_seconds,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def batches(self, seconds: float) -> list[list[str]]:
        """The batches that the function got within the next `seconds`."""
        found: list[list[str]] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reply: dict[str, Any] = self.sqs.receive_message(
                QueueUrl=self.report, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
            for message in reply.get("Messages", []):
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(
                    QueueUrl=self.report, ReceiptHandle=message["ReceiptHandle"]
                )
        return found


@pytest.fixture
def mapping(local_aws: LocalAwsUnderTest) -> Mapping:
    return Mapping(local_aws)


def test_messages_of_one_window_are_one_batch_of_far_more_than_ten(mapping: Mapping) -> None:
    mapping.send(*(str(number) for number in range(120)))
    mapping.start(batch_size=1_000, window_seconds=3)

    batches = mapping.batches(seconds=8)

    assert [len(batch) for batch in batches] == [120]
    assert sorted(map(int, batches[0])) == list(range(120))


def test_full_batch_does_not_wait_for_its_window(mapping: Mapping) -> None:
    mapping.send(*(str(number) for number in range(50)))
    mapping.start(batch_size=25, window_seconds=300)

    batches = mapping.batches(seconds=6)

    assert [len(batch) for batch in batches] == [25, 25]


def test_batch_that_is_not_full_waits_for_its_window(mapping: Mapping) -> None:
    mapping.send("early")
    mapping.start(batch_size=100, window_seconds=300)

    assert mapping.batches(seconds=4) == []


def test_batch_stays_within_what_an_invocation_can_carry(mapping: Mapping) -> None:
    mapping.send(*["x" * 250_000] * 30)
    mapping.start(batch_size=100, window_seconds=1)

    sizes = [len(batch) for batch in mapping.batches(seconds=9)]

    assert sum(sizes) == 30
    assert max(sizes) == 25


def test_only_messages_that_a_function_reports_as_failed_come_again(mapping: Mapping) -> None:
    mapping.send("good", "bad", "fine")
    mapping.start(batch_size=100, window_seconds=1)

    batches = mapping.batches(seconds=12)

    assert batches == [["good", "bad", "fine"], ["bad"]]
