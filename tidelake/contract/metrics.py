"""The project's own metrics: what AWS does not count for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

NAMESPACE = "Tidelake"
DIMENSION = "Environment"
"""The one dimension of every metric here; its value is the environment's name."""


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
    return {
        "_aws": {
            "Timestamp": timestamp_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [[DIMENSION]],
                    "Metrics": [{"Name": metric.value, "Unit": "Count"} for metric in counts],
                }
            ],
        },
        DIMENSION: environment,
        **{metric.value: count for metric, count in counts.items()},
    }
