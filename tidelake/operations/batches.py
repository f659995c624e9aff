"""What `tidelake batches` does: shows the batches in one state, and has one tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from tidelake.contract.batch_items import STATE_INDEX, Batch, BatchState
from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.trigger_messages import retry_body


def batches_in(state: BatchState, dynamodb: Any, outputs: Mapping[Output, str]) -> list[Batch]:
    """The batches in a state, those that have not changed for longest first.

    `dynamodb` is a boto3 client, whose ClientError is passed on. The index that is read is a moment
    behind the table.
    """
    pages = dynamodb.get_paginator("query").paginate(
        TableName=outputs[Output.BATCHES_TABLE],
        IndexName=STATE_INDEX,
        KeyConditionExpression="#state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"S": state.value}},
    )
    return [Batch.from_item(item) for page in pages for item in page["Items"]]


def print_batches(console: Console, state: BatchState, batches: Iterable[Batch]) -> None:
    """Two lines a batch: how far it is, and why its last attempt did not complete."""
    shown = [line for batch in batches for line in _lines(batch)]
    for line in shown if shown else [f"no batch is {_word(state)}"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def batches_document(batches: Iterable[Batch]) -> list[dict[str, object]]:
    """The same for programs."""
    return [
        {
            "batch_id": batch.batch_id,
            "job": batch.job,
            "state": batch.state.value,
            "attempt": batch.attempt,
            "objects": batch.objects,
            "changed_at": _time(batch),
            "step": batch.step_id,
            "cluster": batch.cluster_id,
            "reason": batch.reason,
        }
        for batch in batches
    ]


def retry(batch_id: str, dynamodb: Any, sqs: Any, outputs: Mapping[Output, str]) -> Batch:
    """Ask the trigger to try a batch again that was set aside; returns it as it was.

    The start of its id is enough where it is that of one batch alone. Its dead letter stays until
    the next redrive, for which the trigger then has nothing to do. Raises ConfigurationError where
    no batch, or more than one, that was set aside has such an id.
    """
    set_aside = batches_in(BatchState.SET_ASIDE, dynamodb, outputs)
    found = [batch for batch in set_aside if batch.batch_id.startswith(batch_id)]
    if len(found) != 1:
        allowed = "the id, or its start, of one batch that was set aside (`tidelake batches`)"
        raise ConfigurationError("--retry", batch_id, allowed)
    [batch] = found
    sqs.send_message(
        QueueUrl=outputs[Output.TRIGGER_QUEUE],
        MessageBody=retry_body(batch.batch_id, batch.reason),
    )
    return batch


def _lines(batch: Batch) -> list[str]:
    objects = "1 object" if batch.objects == 1 else f"{batch.objects:,} objects"
    name = f"{batch.job}-{batch.batch_id}-{batch.attempt}"
    line = f"{name}  {objects}, {_word(batch.state)} since {_time(batch)}"
    return [line, f"  {batch.reason}"] if batch.reason else [line]


def _word(state: BatchState) -> str:
    return state.value.replace("_", " ")


def _time(batch: Batch) -> str:
    return f"{datetime.fromtimestamp(batch.updated_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
