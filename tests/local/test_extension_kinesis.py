"""Resharding, which the local AWS refuses, so that it never loses a record."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.local.conftest import LocalAwsUnderTest

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


@pytest.mark.parametrize("call", RESHARDING)
def test_resharding_is_refused_and_no_record_is_lost(
    local_aws: LocalAwsUnderTest, call: str
) -> None:
    kinesis, name = local_aws.client("kinesis"), uuid.uuid4().hex
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
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
