"""What an operator sees of the batches, and does about one: on the real local DynamoDB and SQS."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from lambda_src.batches.table import BatchTable
from tests.conftest import LocalAwsUnderTest
from tests.lambda_src.control_plane import create_table
from tidelake.cli import main
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.deployment import Output
from tidelake.contract.trigger_messages import Retry, parse

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Pipeline:
    """The table that the functions write, and the queue that the trigger reads."""

    sqs: Any
    outputs: dict[Output, str]
    table: BatchTable

    def add(self, batch_id: str, state: BatchState, *, reason: str = "", objects: int = 2) -> None:
        saved = self.table.save(
            Batch(
                batch_id=batch_id,
                job="curate",
                state=state,
                attempt=3,
                objects=objects,
                cluster_id="j-1",
                owner="",
                lease_until=0,
                recorded_at=0,
                updated_at=0,
                reason=reason,
            )
        )
        assert saved is not None

    def asked(self) -> list[object]:
        """What the trigger would be asked for."""
        reply = self.sqs.receive_message(
            QueueUrl=self.outputs[Output.TRIGGER_QUEUE], MaxNumberOfMessages=10
        )
        return [parse(json.loads(message["Body"])) for message in reply.get("Messages", [])]


@pytest.fixture
def pipeline(local_aws: LocalAwsUnderTest, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    name = uuid.uuid4().hex
    dynamodb, sqs = local_aws.client("dynamodb"), local_aws.client("sqs")
    create_table(dynamodb, name)
    outputs = {
        Output.BATCHES_TABLE: name,
        Output.TRIGGER_QUEUE: sqs.create_queue(QueueName=name)["QueueUrl"],
    }
    found = SimpleNamespace(client=local_aws.client, outputs=outputs)
    monkeypatch.setattr("tidelake.local.deployed.deployed", lambda _: found)
    table = BatchTable(dynamodb, name, claim_days=45, clock=lambda: 1_795_600_000)
    return Pipeline(sqs, outputs, table)


def test_batches_that_were_set_aside_are_shown_with_their_reasons(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.add("aa11", BatchState.SET_ASIDE, reason="FAILED s3://lake/emr-logs/j-1/stderr.gz")
    pipeline.add("bb22", BatchState.DONE)

    assert main(["batches"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "curate-aa11-3  2 objects, set aside since 2026-11-25T09:46:40Z",
        "  FAILED s3://lake/emr-logs/j-1/stderr.gz",
    ]


def test_batches_in_another_state_are_shown_when_asked_for(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.add("bb22", BatchState.DONE, objects=1)

    assert main(["batches", "--state", "done", "--json"]) == 0

    [batch] = json.loads(capsys.readouterr().out)
    assert (batch["batch_id"], batch["state"], batch["objects"]) == ("bb22", "done", 1)
    assert main(["batches"]) == 0
    assert capsys.readouterr().out == "no batch is set aside\n"


def test_a_batch_is_tried_again_by_the_start_of_its_id(pipeline: Pipeline) -> None:
    pipeline.add("aa11" * 8, BatchState.SET_ASIDE)
    pipeline.add("ab11" * 8, BatchState.SET_ASIDE)

    assert main(["batches", "--retry", "aa"]) == 0

    assert pipeline.asked() == [Retry("aa11" * 8)]


@pytest.mark.parametrize("batch_id", ["a", "bb22", "cc33", ""])
def test_only_one_batch_that_was_set_aside_is_tried_again(
    batch_id: str, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.add("aa11", BatchState.SET_ASIDE)
    pipeline.add("ab11", BatchState.SET_ASIDE)
    pipeline.add("bb22", BatchState.DONE)

    assert main(["batches", "--retry", batch_id]) == 2

    assert "--retry" in capsys.readouterr().err
    assert pipeline.asked() == []
