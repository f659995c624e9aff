"""Limits and resharding of data streams on the real local AWS."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

FAST = {"Delay": 1, "MaxAttempts": 30}


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


def stream_template(shards: int, hours: int) -> str:
    stream: dict[str, Any] = {
        "Type": "AWS::Kinesis::Stream",
        "Properties": {"ShardCount": shards, "RetentionPeriodHours": hours},
    }
    return json.dumps({"Resources": {"Stream": stream}})


@pytest.fixture
def stack(local_aws: LocalAwsUnderTest) -> tuple[Any, str, str]:
    """A CloudFormation client, a stack with a stream of two shards, and the stream's name."""
    cloudformation, name = local_aws.client("cloudformation"), f"k-{uuid.uuid4().hex}"
    cloudformation.create_stack(StackName=name, TemplateBody=stream_template(2, 24))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=FAST)
    resource = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Stream")
    return cloudformation, name, resource["StackResourceDetail"]["PhysicalResourceId"]


def open_shards(local_aws: LocalAwsUnderTest, stream: str) -> int:
    summary = local_aws.client("kinesis").describe_stream_summary(StreamName=stream)
    count: int = summary["StreamDescriptionSummary"]["OpenShardCount"]
    return count


def test_stack_update_with_another_shard_count_reshards_the_stream(
    local_aws: LocalAwsUnderTest, stack: tuple[Any, str, str]
) -> None:
    cloudformation, name, stream = stack
    cloudformation.update_stack(StackName=name, TemplateBody=stream_template(4, 48))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=FAST)
    assert open_shards(local_aws, stream) == 4


def test_stack_update_beyond_twice_the_shards_fails_and_changes_nothing(
    local_aws: LocalAwsUnderTest, stack: tuple[Any, str, str]
) -> None:
    cloudformation, name, stream = stack
    cloudformation.update_stack(StackName=name, TemplateBody=stream_template(5, 24))
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=FAST)
    assert open_shards(local_aws, stream) == 2


def test_the_shard_count_is_changed_ten_times_a_day_at_most(stream: Any) -> None:
    kinesis, name = stream
    for number in range(10):
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=3 - number % 2, ScalingType="UNIFORM_SCALING"
        )
    with pytest.raises(kinesis.exceptions.LimitExceededException):
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=3, ScalingType="UNIFORM_SCALING"
        )


def test_a_new_shard_count_makes_equal_ranges(stream: Any) -> None:
    kinesis, name = stream
    kinesis.update_shard_count(StreamName=name, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    third = 2**128 // 3
    ranges = {
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
        for shard in kinesis.list_shards(StreamName=name)["Shards"]
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    }
    assert ranges == {(0, third - 1), (third, 2 * third - 1), (2 * third, 2**128 - 1)}


def test_an_on_demand_stream_refuses_a_shard_count(local_aws: LocalAwsUnderTest) -> None:
    kinesis, name = local_aws.client("kinesis"), uuid.uuid4().hex
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    with pytest.raises(ClientError, match="ValidationException"):
        kinesis.update_shard_count(
            StreamName=name, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
        )
