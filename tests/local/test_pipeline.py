"""What has reached which hop is counted from what lies there."""

from __future__ import annotations

import gzip
import io
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import LocalAwsUnderTest
from tidelake.contract.deployment import Output
from tidelake.contract.manifest import Manifest, RawObject
from tidelake.local.pipeline import Pipeline

pytestmark = pytest.mark.slow

HOUR = "year=2026/month=11/day=22/hour=10"


@pytest.fixture
def pipeline(local_aws: LocalAwsUnderTest) -> Pipeline:
    """A lake bucket and two queues of its own; nothing is in them."""
    name = f"pipeline-{uuid4().hex[:8]}"
    local_aws.client("s3").create_bucket(Bucket=name)
    sqs = local_aws.client("sqs")
    outputs = {
        Output.LAKE_BUCKET: name,
        Output.CLUSTER: "j-TEST",
        Output.TRIGGER_QUEUE: sqs.create_queue(QueueName=name)["QueueUrl"],
        Output.TRIGGER_DEAD_LETTERS: sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"],
    }
    return Pipeline(local_aws.endpoint, outputs)


def put(local_aws: LocalAwsUnderTest, pipeline: Pipeline, key: str, body: bytes) -> None:
    bucket = pipeline.outputs[Output.LAKE_BUCKET]
    local_aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def parquet(rows: int) -> bytes:
    body = io.BytesIO()
    pq.write_table(pa.table({"event_id": [str(n) for n in range(rows)]}), body)
    return body.getvalue()


def test_raw_events_and_failed_conversions_are_counted(
    local_aws: LocalAwsUnderTest, pipeline: Pipeline
) -> None:
    put(local_aws, pipeline, f"streaming-data/{HOUR}/a.parquet", parquet(3))
    put(local_aws, pipeline, f"streaming-data/{HOUR}/b.parquet", parquet(4))
    put(local_aws, pipeline, f"streaming-data/{HOUR}/_SUCCESS", b"")
    put(local_aws, pipeline, "streaming-errors/format-conversion-failed/c", b'{"a":1}\n{"a":2}\n')

    counts = pipeline.raw_counts()

    assert (counts.objects, counts.events, counts.conversion_failed) == (2, 7, 2)
    assert counts.records == 9


def test_what_lands_later_is_added(local_aws: LocalAwsUnderTest, pipeline: Pipeline) -> None:
    put(local_aws, pipeline, f"streaming-data/{HOUR}/a.parquet", parquet(3))
    assert pipeline.raw_counts().events == 3

    put(local_aws, pipeline, f"streaming-data/{HOUR}/b.parquet", parquet(2))

    assert pipeline.raw_counts().events == 5


def test_manifests_are_read_back(local_aws: LocalAwsUnderTest, pipeline: Pipeline) -> None:
    manifest = Manifest.of([RawObject("lake", "streaming-data/a.parquet", "v1", 7)])
    put(local_aws, pipeline, f"manifests/{manifest.batch_id}.json", manifest.to_json().encode())

    assert pipeline.manifests() == [manifest]


def test_messages_in_both_queues_are_counted(
    local_aws: LocalAwsUnderTest, pipeline: Pipeline
) -> None:
    sqs = local_aws.client("sqs")
    for _ in range(3):
        sqs.send_message(QueueUrl=pipeline.outputs[Output.TRIGGER_QUEUE], MessageBody="{}")
    sqs.send_message(QueueUrl=pipeline.outputs[Output.TRIGGER_DEAD_LETTERS], MessageBody="{}")

    assert (pipeline.waiting_messages(), pipeline.dead_messages()) == (3, 1)


def test_a_step_log_is_unpacked_and_a_missing_one_is_empty(
    local_aws: LocalAwsUnderTest, pipeline: Pipeline
) -> None:
    log = gzip.compress(b"Traceback: what went wrong\n")
    put(local_aws, pipeline, "emr-logs/j-TEST/steps/s-1/stderr.gz", log)

    assert pipeline.step_log("s-1", "stderr") == "Traceback: what went wrong\n"
    assert pipeline.step_log("s-1", "stdout") == ""
