"""What a producer counts as CloudWatch metrics: by source, many at once, every so often."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from tidelake.client.producer import Producer
from tidelake.client.statistics import SourceStatistics
from tidelake.contract.errors import ConfigurationError, DeliveryError
from tidelake.contract.metrics import NAMESPACE
from tidelake.contract.schema import OTHER, SOURCES

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
"""Source -> metric -> what was added since the last time; the source "" holds BLOCKED, and OTHER
all that the field table does not declare."""

Publish = Callable[[Counts], None]


@contextmanager
def publishing(
    producer: Producer, publish: Publish, *, interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Publish what the producer counts while the block runs, and the rest after it.

    What cannot be published is tried again the next time, with what came meanwhile; after the block
    the error of `publish` is raised.
    """
    counts = _UnpublishedCounts(producer)
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(interval_seconds):
            # No count is lost by it, and the last one tells.
            with suppress(Exception):
                counts.publish(publish)

    thread = threading.Thread(target=run, name="tidelake-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        counts.publish(publish)


class _UnpublishedCounts:
    """Differences between what is counted now and what was published."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._seen: dict[str, SourceStatistics] = {}
        self._blocked_ms = 0

    def publish(self, publish: Publish) -> None:
        now = self._producer.statistics
        added: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for source, counts in now.items():
            named = source if source in SOURCES else OTHER
            added[named].update(_difference(counts, self._seen.get(source, SourceStatistics())))
        blocked_ms = int(self._producer.blocked_seconds * 1_000)
        added[""][BLOCKED] = blocked_ms - self._blocked_ms
        publish({source: counts for source, counts in added.items() if any(counts.values())})
        self._seen, self._blocked_ms = now, blocked_ms


def _difference(now: SourceStatistics, before: SourceStatistics) -> dict[str, int]:
    return {
        _METRICS[field.name]: getattr(now, field.name) - getattr(before, field.name)
        for field in fields(SourceStatistics)
        if field.name in _METRICS
    }


def to_file(path: Path) -> Publish:
    """Add a line in the embedded metric format for each source: the CloudWatch agent, or a
    container's log, takes the metrics out. See "Specification: Embedded metric format" in the
    CloudWatch user guide.

    Raises ConfigurationError if the file cannot be opened, `publish` DeliveryError if it cannot be
    written any more.
    """
    try:
        path.open("a").close()
    except OSError as error:
        allowed = f"a file that can be written ({error.strerror})"
        raise ConfigurationError("metrics", str(path), allowed) from error

    def publish(counts: Counts) -> None:
        now_ms = time.time_ns() // 1_000_000
        lines = [json.dumps(_embedded(*counted, now_ms)) + "\n" for counted in counts.items()]
        try:
            with path.open("a") as file:
                file.writelines(lines)
        except OSError as error:
            raise DeliveryError(
                f"metrics {str(path)!r} cannot be written: {error.strerror}"
            ) from error

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
