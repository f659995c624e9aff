"""Limits and resharding of data streams on the real local AWS."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

RESHARDING: dict[str, dict[str, Any]] = {
    "split_shard": {
        "ShardToSplit": "shardId-000000000000",
        "NewStartingHashKey": "85070591730234615865843651857942052864",
    },
    "merge_shards": {
        "ShardToMerge": "shardId-000000000000",
        "AdjacentShardToMerge": "shardId-000000000001",
    },
    "update_shard_count": {"TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"},
}


@pytest.fixture
def stream(local_aws: LocalAwsUnderTest) -> tuple[Any, str]:
    """A client, and the name of a stream of two shards."""
    kinesis, name = local_aws.client("kinesis"), uuid.uuid4().hex
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    return kinesis, name


def records_of(count: int, size: int) -> list[dict[str, Any]]:
    return [{"Data": b"x" * size, "PartitionKey": f"{number:04}"} for number in range(count)]


def test_call_of_nearly_10_mib_is_taken_whole(stream: Any) -> None:
    kinesis, name = stream

    reply = kinesis.put_records(StreamName=name, Records=records_of(500, 20_900))

    assert reply["FailedRecordCount"] == 0
    assert len({entry["SequenceNumber"] for entry in reply["Records"]}) == 500


def test_call_of_more_than_10_mib_is_refused(stream: Any) -> None:
    kinesis, name = stream

    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.put_records(StreamName=name, Records=records_of(500, 21_000))


@pytest.mark.parametrize("call", RESHARDING)
def test_resharding_is_refused_and_no_record_is_lost(stream: Any, call: str) -> None:
    kinesis, name = stream
    shard = kinesis.put_record(StreamName=name, Data=b"kept", PartitionKey="k")["ShardId"]

    with pytest.raises(ClientError) as refusal:
        getattr(kinesis, call)(StreamName=name, **RESHARDING[call])

    assert refusal.value.response["Error"] == {
        "Code": "UnsupportedOperationException",
        "Message": "Resharding is not supported by the local AWS; "
        "deploy with another shard count instead.",
    }
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"kept"]


def stream_template(shards: int, hours: int) -> str:
    stream: dict[str, Any] = {
        "Type": "AWS::Kinesis::Stream",
        "Properties": {"ShardCount": shards, "RetentionPeriodHours": hours},
    }
    return json.dumps({"Resources": {"Stream": stream}})


def test_stack_update_with_another_shard_count_fails_and_other_changes_pass(
    local_aws: LocalAwsUnderTest,
) -> None:
    cloudformation, name = local_aws.client("cloudformation"), f"k-{uuid.uuid4().hex}"
    fast = {"Delay": 1, "MaxAttempts": 30}
    cloudformation.create_stack(StackName=name, TemplateBody=stream_template(2, 24))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=fast)

    cloudformation.update_stack(StackName=name, TemplateBody=stream_template(2, 48))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=fast)
    cloudformation.update_stack(StackName=name, TemplateBody=stream_template(4, 48))
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=fast)
