"""What functions say: log lines and metrics, both as JSON on the standard output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

from tidelake.contract.metrics import Metric, embedded, embedded_events


def log(message: str, *, level: str = "INFO", **values: object) -> None:
    """One line of JSON, as CloudWatch Logs Insights reads it: counts and ids, no payloads."""
    _write({"level": level, "message": message, **values})


def publish(counts: Mapping[Metric, int], *, environment: str) -> None:
    """Publish the counts as metrics; CloudWatch Logs takes them out of the log."""
    _write(embedded(counts, environment=environment, timestamp_ms=time.time_ns() // 1_000_000))


def publish_events(counts: Mapping[tuple[str, str], int], *, environment: str) -> None:
    """Publish counts of events by source and type."""
    now = time.time_ns() // 1_000_000
    for (source, event_type), count in counts.items():
        _write(
            embedded_events(
                count,
                environment=environment,
                source=source,
                event_type=event_type,
                timestamp_ms=now,
            )
        )


def _write(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
