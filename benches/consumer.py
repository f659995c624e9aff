"""The consumer against a plain loop of boto3, and de-aggregation against AWS's library.

Both readers get the same pages from a server that costs next to nothing, and parse every event.
Both de-aggregators begin with the bytes of a record, or with its base64 as Lambda hands it over,
and end with the bytes of each event.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from typing import Any

import boto3
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records, iter_deaggregate_records

from benches.harness import Sample, Target, interleaved, report, timed
from benches.harness.canned_stream import PAGE_RECORDS, canned_stream, event
from tidelake.client.consumed_events import read_events
from tidelake.client.consumer import Consumer
from tidelake.client.fast_transport import FastTransport
from tidelake.client.shard_reader import Pace
from tidelake.contract.deaggregation import deaggregate

ROUNDS = 5
PAGES = 10
PACKED = 100
REPEATS = 500
LEAST = 3.0


def main() -> int:
    """Measure, report, and return the exit status."""
    packed = _packed()
    encoded = b64encode(packed).decode()
    with canned_stream(PAGES) as endpoint:
        client = _client(endpoint)
        medians = interleaved(
            {
                "consumer": lambda: timed(lambda: _consume(client)),
                "plain get_records + json.loads": lambda: timed(lambda: _plain(client)),
                "de-aggregation": lambda: timed(lambda: _deaggregate(packed)),
                "aws-kinesis-agg": lambda: timed(lambda: _library(packed)),
                "de-aggregation, base64": lambda: timed(lambda: _deaggregate_base64(encoded)),
                "aws-kinesis-agg, base64": lambda: timed(lambda: _library_base64(encoded)),
            },
            rounds=ROUNDS,
        )
    counts = dict.fromkeys(medians, PAGES * PAGE_RECORDS)
    counts |= {name: PACKED * REPEATS for name in medians if "agg" in name}
    rows = [_row(name, sample, counts[name]) for name, sample in medians.items()]
    plain, ours = medians["plain get_records + json.loads"], medians["consumer"]
    library, own = medians["aws-kinesis-agg"], medians["de-aggregation"]
    return report(
        "consumer",
        rows,
        [
            Target("CPU of the plain loop / ours", _ratio(plain, ours), at_least=LEAST),
            Target("CPU of aws-kinesis-agg / ours", _ratio(library, own), at_least=LEAST),
        ],
    )


def _row(name: str, sample: Sample, events: int) -> dict[str, str | float]:
    micros = sample.cpu_seconds / events * 1e6
    return {"subject": name, **sample.columns(), "CPU us/event": round(micros, 2)}


def _ratio(peer: Sample, ours: Sample) -> float:
    return peer.cpu_seconds / ours.cpu_seconds


def _client(endpoint: str) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  no secret
    )


def _consume(client: Any) -> None:
    consumer = Consumer(FastTransport(client), "events", pace=Pace(0, 0))
    count = sum(1 for _ in read_events(consumer.read_to_tip()))
    _require(count == PAGES * PAGE_RECORDS)


def _plain(client: Any) -> None:
    shard = client.list_shards(StreamName="events")["Shards"][0]["ShardId"]
    iterator = client.get_shard_iterator(
        StreamName="events", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    count = 0
    while iterator:
        reply = client.get_records(ShardIterator=iterator)
        for record in reply["Records"]:
            json.loads(record["Data"])
            count += 1
        iterator = reply.get("NextShardIterator")
    _require(count == PAGES * PAGE_RECORDS)


def _packed() -> bytes:
    aggregator = RecordAggregator()
    for number in range(PACKED):
        aggregator.add_user_record(f"192.0.2.{number % 10}", event(number))
    data: bytes = aggregator.clear_and_get().get_contents()[2]
    return data


def _deaggregate(packed: bytes) -> None:
    for _ in range(REPEATS):
        records = deaggregate(packed)
        _require(records is not None and len(records) == PACKED)


def _library(packed: bytes) -> None:
    """Its answer is base64 again, whatever it was given."""
    record = {
        "Data": packed,
        "PartitionKey": "a",
        "SequenceNumber": "1",
        "ApproximateArrivalTimestamp": 1,
    }
    for _ in range(REPEATS):
        singles = iter_deaggregate_records([record], "Boto3")
        blobs = [b64decode(single["kinesis"]["data"]) for single in singles]
        _require(len(blobs) == PACKED)


def _deaggregate_base64(encoded: str) -> None:
    for _ in range(REPEATS):
        records = deaggregate(b64decode(encoded))
        _require(records is not None and len(records) == PACKED)


def _library_base64(encoded: str) -> None:
    record = dict.fromkeys(
        ("eventVersion", "eventSource", "eventID", "eventName", "awsRegion"), ""
    ) | dict.fromkeys(("invokeIdentityArn", "eventSourceARN"), "")
    kinesis = {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "a",
        "sequenceNumber": "1",
        "approximateArrivalTimestamp": 1.0,
        "data": encoded,
    }
    for _ in range(REPEATS):
        singles = deaggregate_records([{**record, "kinesis": kinesis}])
        blobs = [b64decode(single["kinesis"]["data"]) for single in singles]
        _require(len(blobs) == PACKED)


def _require(holds: bool) -> None:
    """A measurement of something else than all events would be none."""
    if not holds:
        raise RuntimeError("not every event was read")


if __name__ == "__main__":
    sys.exit(main())
