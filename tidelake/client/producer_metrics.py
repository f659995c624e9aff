"""What a producer counts as CloudWatch metrics: by source, many at once, every so often."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from tidelake.client.producer import Producer
from tidelake.client.statistics import SourceStatistics
from tidelake.contract.metrics import NAMESPACE

INTERVAL_SECONDS = 60.0

DIMENSION = "Source"

_METRICS = {
    "accepted": "ProducerEventsAccepted",
    "delivered": "ProducerEventsDelivered",
    "retried": "ProducerEventsRetried",
    "dead_lettered": "ProducerEventsDeadLettered",
    "spooled": "ProducerEventsSpooled",
    "bytes": "ProducerBytesDelivered",
}
BLOCKED = "ProducerBlockedMilliseconds"
"""How long callers waited for room; of no source."""

_DATA_PER_CALL = 1_000
"""Amazon CloudWatch API reference, PutMetricData."""

Counts = Mapping[str, Mapping[str, int]]
"""Source -> metric -> what was added since the last time; the source "" holds BLOCKED."""

Publish = Callable[[Counts], None]


@contextmanager
def publishing(
    producer: Producer, publish: Publish, *, interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Publish what the producer counts while the block runs, and the rest after it."""
    collect = _Collector(producer).collect
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(interval_seconds):
            publish(collect())

    thread = threading.Thread(target=run, name="tidelake-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        publish(collect())


class _Collector:
    """Differences between what was counted now and the last time."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._seen: dict[str, SourceStatistics] = {}
        self._blocked_ms = 0

    def collect(self) -> dict[str, dict[str, int]]:
        now = self._producer.statistics
        added = {
            source: _difference(counts, self._seen.get(source, SourceStatistics()))
            for source, counts in now.items()
        }
        blocked_ms = int(self._producer.blocked_seconds * 1_000)
        added[""] = {BLOCKED: blocked_ms - self._blocked_ms}
        self._seen, self._blocked_ms = now, blocked_ms
        return {source: counts for source, counts in added.items() if any(counts.values())}


def _difference(now: SourceStatistics, before: SourceStatistics) -> dict[str, int]:
    return {
        _METRICS[field.name]: getattr(now, field.name) - getattr(before, field.name)
        for field in fields(SourceStatistics)
        if field.name in _METRICS
    }


def to_file(path: Path) -> Publish:
    """Add a line in the embedded metric format for each source: the CloudWatch agent, or a
    container's log, takes the metrics out. See "Specification: Embedded metric format" in the
    CloudWatch user guide."""

    def publish(counts: Counts) -> None:
        with path.open("a") as file:
            for source, added in counts.items():
                file.write(json.dumps(_embedded(source, added, time.time_ns() // 1_000_000)) + "\n")

    return publish


def _embedded(source: str, added: Mapping[str, int], timestamp_ms: int) -> dict[str, object]:
    metrics = [{"Name": name, "Unit": _unit(name)} for name in added]
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]] if source else [[]],
        "Metrics": metrics,
    }
    about = {DIMENSION: source} if source else {}
    return {
        "_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]},
        **about,
        **added,
    }


def to_cloudwatch(client: Any) -> Publish:
    """Put the metrics by a boto3 CloudWatch client, all sources in one call."""

    def publish(counts: Counts) -> None:
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": DIMENSION, "Value": source}] if source else [],
                "Value": float(value),
                "Unit": _unit(name),
            }
            for source, added in counts.items()
            for name, value in added.items()
        ]
        for first in range(0, len(data), _DATA_PER_CALL):
            client.put_metric_data(
                Namespace=NAMESPACE, MetricData=data[first : first + _DATA_PER_CALL]
            )

    return publish


def _unit(name: str) -> str:
    if name == BLOCKED:
        return "Milliseconds"
    return "Bytes" if name == _METRICS["bytes"] else "Count"
