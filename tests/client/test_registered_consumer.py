from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tidelake.client.fan_out import FanOutTransport, register_consumer
from tidelake.client.transport import TRIM_HORIZON
from tidelake.contract.errors import TransportError

STREAM_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/events"
NAMED = {"StreamARN": STREAM_ARN, "ConsumerName": "alerts"}


def described(status: str) -> dict[str, Any]:
    return {
        "ConsumerDescription": {
            "ConsumerName": "alerts",
            "ConsumerARN": f"{STREAM_ARN}/consumer/alerts:1",
            "ConsumerStatus": status,
            "ConsumerCreationTimestamp": 1_772_445_600,
            "StreamARN": STREAM_ARN,
        }
    }


@pytest.fixture
def kinesis() -> Any:
    return boto3.client(
        "kinesis",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def replies(kinesis: Any) -> Iterator[Stubber]:
    """The calls that are allowed, in their order, and what they answer."""
    with Stubber(kinesis) as stubber:
        summary = {
            "StreamName": "events",
            "StreamARN": STREAM_ARN,
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_772_445_600,
            "EnhancedMonitoring": [],
            "OpenShardCount": 1,
        }
        stubber.add_response("describe_stream_summary", {"StreamDescriptionSummary": summary})
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_consumer_that_is_there_needs_no_permission_to_register_one(
    kinesis: Any, replies: Stubber
) -> None:
    replies.add_response("describe_stream_consumer", described("ACTIVE"), NAMED)
    assert register_consumer(kinesis, "events", "alerts") == f"{STREAM_ARN}/consumer/alerts:1"


@pytest.mark.parametrize(
    ("code", "retryable"),
    [("ResourceInUseException", True), ("AccessDeniedException", False)],
)
def test_a_subscription_that_another_holds_for_now_is_tried_again(
    kinesis: Any, code: str, retryable: bool
) -> None:
    with Stubber(kinesis) as stubber:
        stubber.add_client_error("subscribe_to_shard", code)
        transport = FanOutTransport(kinesis, f"{STREAM_ARN}/consumer/alerts:1")
        iterator = transport.shard_iterator("events", "shardId-0", TRIM_HORIZON)
        read = partial(transport.get_records, "events", "shardId-0", iterator)
        with pytest.raises(TransportError) as caught:
            list(iter(read, None))
    assert caught.value.retryable is retryable


def test_a_missing_consumer_is_registered_once_and_waited_for(
    kinesis: Any, replies: Stubber
) -> None:
    replies.add_client_error("describe_stream_consumer", "ResourceNotFoundException")
    registered = {k: v for k, v in described("CREATING")["ConsumerDescription"].items()
                  if k != "StreamARN"}  # fmt: skip
    replies.add_response("register_stream_consumer", {"Consumer": registered}, NAMED)
    replies.add_response("describe_stream_consumer", described("CREATING"), NAMED)
    replies.add_response("describe_stream_consumer", described("ACTIVE"), NAMED)
    waits: list[float] = []
    arn = register_consumer(kinesis, "events", "alerts", sleep=waits.append)
    assert arn == f"{STREAM_ARN}/consumer/alerts:1"
    assert len(waits) == 2
