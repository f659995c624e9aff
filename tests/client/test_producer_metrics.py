"""What a producer publishes of itself: counts, and never what is in an event."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
from botocore.stub import Stubber

from tests.client.fake_stream import FakeStream
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.producer import Producer
from tidelake.client.producer_metrics import Counts, publishing, to_cloudwatch, to_file

ADDED = {"web_log": {"ProducerEventsAccepted": 3}, "": {"ProducerBlockedMilliseconds": 5}}


def test_counts_are_published_as_differences_that_add_up(dead_letters: DeadLetterFile) -> None:
    published: list[Counts] = []
    producer = Producer(FakeStream(), "events", dead_letters)
    with publishing(producer, published.append, interval_seconds=0.01), producer:
        for number in range(700):
            producer.put({"event_id": str(number), "source": "web_log"})
            producer.put({"event_id": str(number), "source": "sensor"})
        producer.flush()
    for source in ("web_log", "sensor"):
        delivered = [
            counts.get(source, {}).get("ProducerEventsDelivered", 0) for counts in published
        ]
        assert sum(delivered) == 700


def test_the_embedded_metric_format(tmp_path: Path) -> None:
    to_file(tmp_path / "metrics.jsonl")(ADDED)
    first, second = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert first.pop("_aws")["CloudWatchMetrics"] == [
        {
            "Namespace": "Tidelake",
            "Dimensions": [["Source"]],
            "Metrics": [{"Name": "ProducerEventsAccepted", "Unit": "Count"}],
        }
    ]
    assert first == {"Source": "web_log", "ProducerEventsAccepted": 3}
    assert second["ProducerBlockedMilliseconds"] == 5


def test_all_sources_go_to_cloudwatch_in_one_call() -> None:
    client = boto3.client(
        "cloudwatch", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stubber:
        stubber.add_response(
            "put_metric_data",
            {},
            {
                "Namespace": "Tidelake",
                "MetricData": [
                    {
                        "MetricName": "ProducerEventsAccepted",
                        "Dimensions": [{"Name": "Source", "Value": "web_log"}],
                        "Value": 3.0,
                        "Unit": "Count",
                    },
                    {
                        "MetricName": "ProducerBlockedMilliseconds",
                        "Dimensions": [],
                        "Value": 5.0,
                        "Unit": "Milliseconds",
                    },
                ],
            },
        )
        to_cloudwatch(client)(ADDED)
        stubber.assert_no_pending_responses()
