"""The record about a discarded batch that a mapping sends to its on-failure destination."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import sns, sqs

from tidelake.local.extension.stream_mappings.batches import Discarded


def send_to_destination(
    mapping: dict[str, Any], function: dict[str, Any], shard_id: str, discarded: Discarded
) -> None:
    """Send it to the queue or topic that the mapping names, if it names one."""
    config = mapping.get("DestinationConfig", {}).get("OnFailure", {})
    arn = config.get("Destination")
    if not arn:
        return
    body = json.dumps(failure_record(mapping, function, shard_id, discarded))
    service = parse_arn(arn).service
    if service == "sqs":
        queue = sqs._queue_by_arn(arn)
        if queue is not None:
            sqs._act_send_message({"MessageBody": body}, queue["url"])
    elif service == "sns":
        sns._fanout(arn, str(uuid.uuid4()), body, "Lambda ESM failure", "", {})


def failure_record(
    mapping: dict[str, Any], function: dict[str, Any], shard_id: str, discarded: Discarded
) -> dict[str, Any]:
    """The document of "Retain discarded batch records" in the AWS Lambda developer guide: where
    the records are, and not the records."""
    batch = discarded.batch
    first, last = batch.records[0], batch.records[-1]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function["config"]["FunctionArn"],
            "condition": discarded.condition,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": _time(datetime.now(UTC).timestamp()),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _time(first["ApproximateArrivalTimestamp"]),
            "approximateArrivalOfLastRecord": _time(last["ApproximateArrivalTimestamp"]),
            "batchSize": len(batch.records),
            "streamArn": mapping["EventSourceArn"],
        },
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
