"""Delivery by the real local AWS: buffering, conversion, prefixes, errors, notifications."""

from __future__ import annotations

import base64
import io
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow.parquet
import pytest

from tests.client.packing import packed
from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::000000000000:role/delivery"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Delivery:
    """A bucket, a Glue table and a delivery stream of one test."""

    def __init__(self, local_aws: LocalAwsUnderTest) -> None:
        self.name = f"d{uuid.uuid4().hex[:12]}"
        self.s3 = local_aws.client("s3")
        self.firehose = local_aws.client("firehose")
        self.kinesis = local_aws.client("kinesis")
        self.s3.create_bucket(Bucket=self.name)
        glue = local_aws.client("glue")
        glue.create_database(DatabaseInput={"Name": self.name})
        glue.create_table(
            DatabaseName=self.name,
            TableInput={
                "Name": "events",
                "StorageDescriptor": {
                    "Columns": [
                        {"Name": "id", "Type": "int"},
                        {"Name": "at", "Type": "timestamp"},
                    ]
                },
            },
        )

    def create(self, *, seconds: int, source: str | None = None, **config: Any) -> None:
        arguments: dict[str, Any] = {"DeliveryStreamType": "DirectPut"}
        if source is not None:
            arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{source}"
            arguments = {
                "DeliveryStreamType": "KinesisStreamAsSource",
                "KinesisStreamSourceConfiguration": {"KinesisStreamARN": arn, "RoleARN": ROLE},
            }
        destination = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{self.name}",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": seconds},
            "Prefix": "data/y=!{timestamp:yyyy}/",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
        }
        self.firehose.create_delivery_stream(
            DeliveryStreamName=self.name,
            ExtendedS3DestinationConfiguration=destination | config,
            **arguments,
        )

    def conversion(self, table: str = "events") -> dict[str, Any]:
        return {
            "SchemaConfiguration": {
                "DatabaseName": self.name,
                "TableName": table,
                "RoleARN": ROLE,
            },
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
        }

    def put(self, *records: bytes) -> None:
        entries = [{"Data": record} for record in records]
        self.firehose.put_record_batch(DeliveryStreamName=self.name, Records=entries)

    def keys(self) -> list[str]:
        listing = self.s3.list_objects_v2(Bucket=self.name)
        return [entry["Key"] for entry in listing.get("Contents", [])]

    def body(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def ids(self) -> list[int]:
        """The column `id` of all Parquet objects."""
        return [
            number
            for key in self.keys()
            if key.endswith(".parquet")
            for number in pyarrow.parquet.read_table(io.BytesIO(self.body(key)))["id"].to_pylist()
        ]

    def wait_for_keys(self, count: int, seconds: float = 20) -> list[str]:
        wait_until(lambda: len(self.keys()) >= count, seconds)
        return self.keys()


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def delivery(local_aws: LocalAwsUnderTest) -> Delivery:
    return Delivery(local_aws)


def test_records_of_one_interval_become_one_parquet_object(delivery: Delivery) -> None:
    delivery.create(seconds=2, DataFormatConversionConfiguration=delivery.conversion())

    delivery.put(b'{"id": 1, "at": "2015-05-17T10:05:03Z"}', b'{"id": 2}')
    delivery.put(b'{"id": 3}')
    [key] = delivery.wait_for_keys(1)

    year = time.strftime("%Y", time.gmtime())
    stamp = "[0-9]{4}(-[0-9]{2}){5}"
    assert re.fullmatch(rf"data/y={year}/{delivery.name}-1-{stamp}-{UUID}\.parquet", key)
    assert delivery.ids() == [1, 2, 3]


def test_timestamps_are_int96_and_snappy_compresses(delivery: Delivery) -> None:
    delivery.create(seconds=1, DataFormatConversionConfiguration=delivery.conversion())

    delivery.put(b'{"id": 1, "at": "2015-05-17T10:05:03Z"}')
    [key] = delivery.wait_for_keys(1)

    metadata = pyarrow.parquet.ParquetFile(io.BytesIO(delivery.body(key))).metadata
    column = metadata.row_group(0).column(1)
    assert (column.path_in_schema, column.physical_type, column.compression) == (
        "at",
        "INT96",
        "SNAPPY",
    )


def test_nothing_is_delivered_before_the_interval_is_over(delivery: Delivery) -> None:
    delivery.create(seconds=60)

    delivery.put(b"waiting")
    time.sleep(2)

    assert delivery.keys() == []


def test_full_buffer_is_delivered_before_its_interval_is_over(delivery: Delivery) -> None:
    delivery.create(seconds=900, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})

    for _ in range(3):
        delivery.put(b"x" * 400_000)

    [key] = delivery.wait_for_keys(1)
    assert len(delivery.body(key)) == 1_200_000


def test_changed_hints_hold_for_records_that_wait_already(delivery: Delivery) -> None:
    delivery.create(seconds=900)
    delivery.put(b"waiting")

    described = delivery.firehose.describe_delivery_stream(DeliveryStreamName=delivery.name)
    description = described["DeliveryStreamDescription"]
    delivery.firehose.update_destination(
        DeliveryStreamName=delivery.name,
        CurrentDeliveryStreamVersionId=description["VersionId"],
        DestinationId=description["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}},
    )

    [key] = delivery.wait_for_keys(1)
    assert delivery.body(key) == b"waiting"
    assert f"{delivery.name}-2-" in key


def test_records_without_conversion_are_joined_as_they_are(delivery: Delivery) -> None:
    delivery.create(seconds=1)

    delivery.put(b"one", b"two\n", b"three")

    [key] = delivery.wait_for_keys(1)
    assert delivery.body(key) == b"onetwo\nthree"


def test_record_that_does_not_convert_goes_to_the_error_prefix_and_spares_the_others(
    delivery: Delivery,
) -> None:
    delivery.create(seconds=1, DataFormatConversionConfiguration=delivery.conversion())
    before = time.time() * 1000

    delivery.put(b'{"id": 1}', b'{"id": "x"}', b"no json", b'{"id": 2}')
    data_key, error_key = delivery.wait_for_keys(2)

    assert delivery.ids() == [1, 2]
    assert data_key.startswith("data/")
    year = time.strftime("%Y", time.gmtime())
    assert error_key.startswith(f"errors/format-conversion-failed/{year}/{delivery.name}-1-")
    lines = [json.loads(line) for line in delivery.body(error_key).splitlines()]
    assert [base64.b64decode(line["rawData"]) for line in lines] == [b'{"id": "x"}', b"no json"]
    assert [line["lastErrorCode"] for line in lines] == [
        "DataFormatConversion.MalformedData",
        "DataFormatConversion.ParseError",
    ]
    assert lines[0]["attemptsMade"] == 1
    assert before <= lines[0]["arrivalTimestamp"] <= lines[0]["attemptEndingTimestamp"]
    assert lines[0]["dataCatalogTable"] == {
        "catalogId": "000000000000",
        "databaseName": delivery.name,
        "tableName": "events",
        "region": "us-east-1",
        "versionId": "LATEST",
    }


def test_every_record_goes_to_the_error_prefix_when_the_table_is_not_there(
    delivery: Delivery,
) -> None:
    conversion = delivery.conversion(table="gone")
    delivery.create(seconds=1, DataFormatConversionConfiguration=conversion)

    delivery.put(b'{"id": 1}', b'{"id": 2}')
    [key] = delivery.wait_for_keys(1)

    lines = [json.loads(line) for line in delivery.body(key).splitlines()]
    assert [line["lastErrorCode"] for line in lines] == ["DataFormatConversion.EntityNotFound"] * 2


def test_every_record_of_a_kinesis_source_is_delivered_once(delivery: Delivery) -> None:
    delivery.kinesis.create_stream(StreamName=delivery.name, ShardCount=2)
    delivery.kinesis.get_waiter("stream_exists").wait(
        StreamName=delivery.name, WaiterConfig={"Delay": 1}
    )
    conversion = delivery.conversion()
    delivery.create(seconds=1, source=delivery.name, DataFormatConversionConfiguration=conversion)

    for start in range(0, 5_000, 500):
        records = [
            {"Data": b'{"id": %d}' % number, "PartitionKey": str(number)}
            for number in range(start, start + 500)
        ]
        delivery.kinesis.put_records(StreamName=delivery.name, Records=records)

    wait_until(lambda: len(delivery.ids()) >= 5_000)
    time.sleep(1.5)
    assert sorted(delivery.ids()) == list(range(5_000))


def test_delivery_that_fails_is_tried_again_until_it_works(delivery: Delivery) -> None:
    delivery.create(seconds=1)
    delivery.s3.delete_bucket(Bucket=delivery.name)
    delivery.put(b"patient")
    time.sleep(2.5)

    delivery.s3.create_bucket(Bucket=delivery.name)

    [key] = delivery.wait_for_keys(1)
    assert delivery.body(key) == b"patient"


def test_deleting_a_delivery_stream_delivers_what_it_holds(delivery: Delivery) -> None:
    delivery.create(seconds=900)
    delivery.put(b"last words")

    delivery.firehose.delete_delivery_stream(DeliveryStreamName=delivery.name)

    [key] = delivery.keys()
    assert delivery.body(key) == b"last words"


def test_delivered_object_is_announced_on_eventbridge(
    delivery: Delivery, local_aws: LocalAwsUnderTest
) -> None:
    delivery.s3.put_bucket_notification_configuration(
        Bucket=delivery.name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    sqs, events = local_aws.client("sqs"), local_aws.client("events")
    queue = sqs.create_queue(QueueName=delivery.name)["QueueUrl"]
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [delivery.name]}}}
    events.put_rule(Name=delivery.name, EventPattern=json.dumps(pattern))
    queue_arn = f"arn:aws:sqs:us-east-1:000000000000:{delivery.name}"
    events.put_targets(Rule=delivery.name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    delivery.create(seconds=1)

    delivery.put(b"hello")
    [key] = delivery.wait_for_keys(1)

    reply = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)
    event = json.loads(reply["Messages"][0]["Body"])
    assert event["detail-type"] == "Object Created"
    assert event["detail"]["object"]["key"] == key


def test_deleting_the_stack_of_a_delivery_stream_delivers_what_it_holds(
    delivery: Delivery, local_aws: LocalAwsUnderTest
) -> None:
    cloudformation = local_aws.client("cloudformation")
    fast = {"Delay": 1, "MaxAttempts": 30}
    properties = {
        "DeliveryStreamName": delivery.name,
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{delivery.name}",
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900},
        },
    }
    resource = {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": properties}
    template = json.dumps({"Resources": {"Delivery": resource}})
    cloudformation.create_stack(StackName=delivery.name, TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=delivery.name, WaiterConfig=fast
    )
    delivery.put(b"last words")

    cloudformation.delete_stack(StackName=delivery.name)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=delivery.name, WaiterConfig=fast
    )

    [key] = delivery.keys()
    assert delivery.body(key) == b"last words"


def test_aggregated_records_of_a_stream_are_delivered_apart_through_a_resharding(
    local_aws: LocalAwsUnderTest,
) -> None:
    delivery = Delivery(local_aws)
    delivery.kinesis.create_stream(StreamName=delivery.name, ShardCount=1)
    delivery.create(
        seconds=1,
        source=delivery.name,
        DataFormatConversionConfiguration=delivery.conversion(),
    )
    first = packed(b'{"id": 1}', b'{"id": 2}')
    delivery.kinesis.put_record(StreamName=delivery.name, Data=first, PartitionKey="k")
    delivery.kinesis.update_shard_count(
        StreamName=delivery.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    delivery.kinesis.put_record(StreamName=delivery.name, Data=b'{"id": 3}', PartitionKey="k")
    wait_until(lambda: len(delivery.ids()) >= 3)
    assert sorted(delivery.ids()) == [1, 2, 3]
    keys = delivery.keys()
    assert not [key for key in keys if key.startswith("errors/")]
