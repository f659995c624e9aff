"""Dead letters that the real local AWS moves back, by the rules of AWS."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from tests.conftest import LocalAwsUnderTest
from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError
from tidelake.operations.redrive import redrive

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Queues:
    """A queue and its dead-letter queue, by URL."""

    sqs: Any
    work: str
    dead: str

    def arn(self, url: str) -> str:
        reply = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = reply["Attributes"]["QueueArn"]
        return arn

    def bury(self, count: int) -> None:
        for number in range(count):
            self.sqs.send_message(QueueUrl=self.dead, MessageBody=f"letter {number}")

    def bodies(self, url: str) -> list[str]:
        found: list[str] = []
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", []):
            counts = {m["Attributes"]["ApproximateReceiveCount"] for m in messages}
            assert counts == {"1"}
            found += [message["Body"] for message in messages]
        return sorted(found)

    def start(self, **parameters: Any) -> str:
        reply = self.sqs.start_message_move_task(SourceArn=self.arn(self.dead), **parameters)
        handle: str = reply["TaskHandle"]
        return handle

    def latest(self) -> dict[str, Any]:
        reply = self.sqs.list_message_move_tasks(SourceArn=self.arn(self.dead))
        task: dict[str, Any] = reply["Results"][0]
        return task

    def ended(self) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while (task := self.latest())["Status"] in ("RUNNING", "CANCELLING"):
            assert time.monotonic() < deadline, task
            time.sleep(0.05)
        return task


@pytest.fixture
def queues(local_aws: LocalAwsUnderTest) -> Queues:
    sqs = local_aws.client("sqs")
    name = f"moves-{uuid.uuid4().hex[:8]}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 3})
    work = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    return Queues(sqs, work, dead)


def refusal(queues: Queues, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        queues.sqs.start_message_move_task(**parameters)
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_messages_go_back_to_the_queue_that_they_died_in(queues: Queues) -> None:
    queues.bury(3)

    queues.start()

    task = queues.ended()
    assert task["Status"] == "COMPLETED"
    assert task["ApproximateNumberOfMessagesMoved"] == 3
    assert task["ApproximateNumberOfMessagesToMove"] == 3
    assert "TaskHandle" not in task
    assert queues.bodies(queues.work) == ["letter 0", "letter 1", "letter 2"]
    assert queues.bodies(queues.dead) == []


def test_only_a_dead_letter_queue_can_be_emptied_so(queues: Queues) -> None:
    assert refusal(queues, SourceArn=queues.arn(queues.work)) == "InvalidParameterValue"


def test_a_queue_that_is_not_there_is_refused(queues: Queues) -> None:
    assert refusal(queues, SourceArn=f"{queues.arn(queues.dead)}-not") == (
        "ResourceNotFoundException"
    )


def test_rate_is_at_most_five_hundred_a_second(queues: Queues) -> None:
    arn = queues.arn(queues.dead)
    assert refusal(queues, SourceArn=arn, MaxNumberOfMessagesPerSecond=501) == (
        "InvalidParameterValue"
    )


def test_one_task_at_a_time_and_it_can_be_cancelled(queues: Queues) -> None:
    queues.bury(5)
    handle = queues.start(MaxNumberOfMessagesPerSecond=1)

    assert queues.latest()["TaskHandle"] == handle
    code = refusal(queues, SourceArn=queues.arn(queues.dead))
    queues.sqs.cancel_message_move_task(TaskHandle=handle)

    assert code == "AWS.SimpleQueueService.UnsupportedOperation"
    task = queues.ended()
    assert task["Status"] == "CANCELLED"
    left = 5 - task["ApproximateNumberOfMessagesMoved"]
    assert len(queues.bodies(queues.dead)) == left > 0


def test_redrive_moves_every_dead_letter_and_says_how_many(queues: Queues) -> None:
    queues.bury(12)
    outputs = {Output.TRIGGER_QUEUE: queues.work, Output.TRIGGER_DEAD_LETTERS: queues.dead}

    assert redrive(queues.sqs, outputs, Console(quiet=True)) == 12
    assert len(queues.bodies(queues.work)) == 12
    assert redrive(queues.sqs, outputs, Console(quiet=True)) == 0


def test_redrive_refuses_a_rate_that_sqs_does_not_take(queues: Queues) -> None:
    with pytest.raises(ConfigurationError, match="--per-second = 501"):
        redrive(queues.sqs, {}, Console(quiet=True), per_second=501)
