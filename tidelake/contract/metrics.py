"""The project's own metrics: what AWS does not count for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

NAMESPACE = "Tidelake"
DIMENSION = "Environment"
"""A dimension of every metric here; its value is the environment's name."""


EVENTS_COUNTED = "EventsCounted"
"""Events on the data stream by source and type, published by the function that counts them: under
DIMENSION, SOURCE_DIMENSION and TYPE_DIMENSION."""
SOURCE_DIMENSION = "Source"
TYPE_DIMENSION = "EventType"


class Metric(Enum):
    """A count, published by a function of the pipeline; each name is its name in CloudWatch."""

    # By the transformation of the delivery, for each batch of records: what it answered.
    RECORDS_UNCHANGED = "RecordsUnchanged"
    RECORDS_REPAIRED = "RecordsRepaired"
    RECORDS_DROPPED = "RecordsDropped"
    RECORDS_REJECTED = "RecordsRejected"
    RECORDS_OVER_LIMIT = "RecordsOverLimit"

    # By the trigger, for each batch of messages.
    OBJECTS_SEEN = "ObjectsSeen"
    OBJECTS_CLAIMED = "ObjectsClaimed"
    OBJECTS_DUPLICATE = "ObjectsDuplicate"
    OBJECTS_IGNORED = "ObjectsIgnored"
    OBJECTS_DEFERRED = "ObjectsDeferred"
    STEPS_SUBMITTED = "StepsSubmitted"
    CLUSTERS_STARTED = "ClustersStarted"
    CLUSTER_UNAVAILABLE = "ClusterUnavailable"

    # By the function that follows steps and clusters.
    STEPS_COMPLETED = "StepsCompleted"
    STEPS_FAILED = "StepsFailed"
    BATCHES_RETRIED = "BatchesRetried"
    BATCHES_SET_ASIDE = "BatchesSetAside"
    CLUSTERS_FAILED = "ClustersFailed"
    EVENTS_CURATED = "EventsCurated"
    EVENTS_DUPLICATE = "EventsDuplicate"
    ROWS_QUARANTINED = "RowsQuarantined"
    OBJECTS_UNREADABLE = "ObjectsUnreadable"

    # By the sweep.
    OBJECTS_FORGOTTEN = "ObjectsForgotten"
    BATCHES_OVERDUE = "BatchesOverdue"


def embedded(
    counts: Mapping[Metric, int], *, environment: str, timestamp_ms: int
) -> dict[str, object]:
    """The counts as one log event from which CloudWatch Logs takes the metrics.

    See "Specification: Embedded metric format" in the CloudWatch user guide; `timestamp_ms` counts
    milliseconds since 1970. Publishing so takes no permission and no call.
    """
    return _document(
        {metric.value: count for metric, count in counts.items()},
        {DIMENSION: environment},
        timestamp_ms,
    )


def embedded_events(
    count: int, *, environment: str, source: str, event_type: str, timestamp_ms: int
) -> dict[str, object]:
    """The count of events of one source and type, as `embedded` gives the others."""
    dimensions = {DIMENSION: environment, SOURCE_DIMENSION: source, TYPE_DIMENSION: event_type}
    return _document({EVENTS_COUNTED: count}, dimensions, timestamp_ms)


def _document(
    counts: Mapping[str, int], dimensions: Mapping[str, str], timestamp_ms: int
) -> dict[str, object]:
    return {
        "_aws": {
            "Timestamp": timestamp_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [list(dimensions)],
                    "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
                }
            ],
        },
        **dimensions,
        **counts,
    }
