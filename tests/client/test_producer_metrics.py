"""What a producer publishes of itself: counts, and never what is in an event."""

from __future__ import annotations

import json
import time
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from tests.client.fake_stream import FakeStream
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.producer import Producer
from tidelake.client.producer_metrics import Counts, publishing, to_cloudwatch, to_file
from tidelake.contract.errors import ConfigurationError, DeliveryError

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
            counts[source]["ProducerEventsDelivered"] for counts in published if source in counts
        ]
        assert sum(delivered) == 700


def test_a_source_that_is_not_declared_is_counted_and_never_named(
    dead_letters: DeadLetterFile, tmp_path: Path
) -> None:
    producer = Producer(FakeStream(), "events", dead_letters)
    with publishing(producer, to_file(tmp_path / "metrics.jsonl")), producer:
        producer.put({"event_id": "1", "source": "canary-7f3a"})
        producer.put({"event_id": "2", "source": "canary-8b1c"})
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "canary" not in text
    first = json.loads(text.splitlines()[0])
    assert (first["Source"], first["ProducerEventsAccepted"]) == ("other", 2)


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


def test_what_cannot_be_published_is_published_the_next_time(
    dead_letters: DeadLetterFile,
) -> None:
    published: list[Counts] = []
    failures = iter((DeliveryError("metrics cannot be written"),))

    def publish(counts: Counts) -> None:
        for failure in failures:
            raise failure
        published.append(counts)

    with (
        Producer(FakeStream(), "events", dead_letters) as producer,
        publishing(producer, publish, interval_seconds=0.05),
    ):
        producer.put({"event_id": "1", "source": "web_log"})
        time.sleep(0.3)
    accepted = [counts["web_log"]["ProducerEventsAccepted"] for counts in published if counts]
    assert sum(accepted) == 1


def test_a_file_of_metrics_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"metrics = .*Is a directory"):
        to_file(tmp_path)


def test_a_full_disk_is_told_with_the_file() -> None:
    with pytest.raises(DeliveryError, match="'/dev/full' cannot be written: No space left"):
        to_file(Path("/dev/full"))(ADDED)
