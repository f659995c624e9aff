from __future__ import annotations

from tidelake.contract.metrics import Metric, embedded


def test_counts_are_a_log_event_of_the_embedded_metric_format() -> None:
    assert embedded(
        {Metric.OBJECTS_SEEN: 3, Metric.STEPS_SUBMITTED: 1}, environment="dev", timestamp_ms=1000
    ) == {
        "_aws": {
            "Timestamp": 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Tidelake",
                    "Dimensions": [["Environment"]],
                    "Metrics": [
                        {"Name": "ObjectsSeen", "Unit": "Count"},
                        {"Name": "StepsSubmitted", "Unit": "Count"},
                    ],
                }
            ],
        },
        "Environment": "dev",
        "ObjectsSeen": 3,
        "StepsSubmitted": 1,
    }
