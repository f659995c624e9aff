"""The pipeline at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.constructs.shared_id import SharedId
from stacks.sections.stream import StreamConfig
from tidelake.contract.metrics import Metric

_ROW = 24


def pipeline_dashboard(
    scope: Construct,
    construct_id: str,
    *,
    metrics: PipelineMetrics,
    alarms: Sequence[cloudwatch.IAlarm],
    stream: StreamConfig,
) -> cloudwatch.Dashboard:
    """One row for each hop, in the order in which an event takes them; alarms first, cost last.

    A part that is not there has no row.
    """
    dashboard = cloudwatch.Dashboard(scope, construct_id)
    dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=_ROW))
    for row in (
        _stream_row(metrics),
        _reader_row(metrics, stream),
        _counter_row(metrics),
        _delivery_row(metrics),
        _transform_row(metrics),
        _trigger_row(metrics),
        _step_row(metrics),
        _cluster_row(metrics),
        _ledger_row(metrics),
        _function_row(metrics),
        _cost_row(metrics),
    ):
        dashboard.add_widgets(*row)
    return dashboard


def _graph(
    title: str, *left: cloudwatch.IMetric, right: Sequence[cloudwatch.IMetric] = ()
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), width=_ROW // 3)


def _stream_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    return (
        _graph(
            "Data stream: throughput",
            metrics.stream("IncomingRecords", "Sum"),
            metrics.stream("GetRecords.Records", "Sum"),
            right=[metrics.stream("IncomingBytes", "Sum")],
        ),
        _graph(
            "Data stream: throttles",
            metrics.stream("WriteProvisionedThroughputExceeded", "Sum"),
            metrics.stream("ReadProvisionedThroughputExceeded", "Sum"),
        ),
        _graph(
            "Data stream: age of unread records",
            metrics.stream("GetRecords.IteratorAgeMilliseconds", "Maximum"),
        ),
    )


def _reader_row(metrics: PipelineMetrics, stream: StreamConfig) -> tuple[cloudwatch.IWidget, ...]:
    """Each shard by what it publishes, and each registered reader; neither has an id at synth."""
    throttles = [name for name in stream.shard_level_metrics if name.endswith("Exceeded")]
    graphs = (
        ("Shards: throttles", [metrics.shards(name, "Sum") for name in throttles]),
        (
            "Shards: records in",
            [
                metrics.shards(name, "Sum")
                for name in stream.shard_level_metrics
                if name == "IncomingRecords"
            ],
        ),
        (
            "Registered readers: age of unread records",
            [metrics.consumers("SubscribeToShardEvent.MillisBehindLatest", "Maximum")]
            if stream.consumers
            else [],
        ),
    )
    return tuple(_graph(title, *lines) for title, lines in graphs if lines)


def _counter_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    if metrics.counter_failure_queue_name is None:
        return ()
    return (
        _graph("Events by source and type, at least once", metrics.events_counted()),
        _graph(
            "Events: records that hold none",
            metrics.counter_failures("ApproximateNumberOfMessagesVisible", "Maximum"),
        ),
    )


def _delivery_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    if metrics.delivery_stream_name is None:
        return ()
    return (
        _graph(
            "Delivery: records",
            metrics.delivery("DataReadFromKinesisStream.Records", "Sum"),
            metrics.delivery("DeliveryToS3.Records", "Sum"),
        ),
        _graph(
            "Delivery: conversion",
            metrics.delivery("SucceedConversion.Records", "Sum"),
            metrics.delivery("FailedConversion.Records", "Sum"),
        ),
        _graph(
            "Delivery: age of undelivered records, success",
            metrics.delivery("DeliveryToS3.DataFreshness", "Maximum"),
            right=[metrics.delivery("DeliveryToS3.Success", "Average")],
        ),
    )


def _transform_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    if SharedId.TRANSFORM_FUNCTION not in metrics.functions:
        return ()
    return (
        _graph(
            "Transformation: records let pass",
            metrics.own(Metric.RECORDS_UNCHANGED),
            metrics.own(Metric.RECORDS_REPAIRED),
            metrics.delivery("SucceedProcessing.Records", "Sum"),
        ),
        _graph(
            "Transformation: records stopped",
            metrics.own(Metric.RECORDS_REJECTED),
            metrics.own(Metric.RECORDS_OVER_LIMIT),
            metrics.own(Metric.RECORDS_DROPPED),
        ),
        _graph(
            "Transformation: calls",
            metrics.delivery("ExecuteProcessing.Success", "Average"),
            right=[metrics.delivery("ExecuteProcessing.Duration", "Average")],
        ),
    )


def _trigger_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    return (
        _graph(
            "Trigger: queue",
            metrics.queue("ApproximateNumberOfMessagesVisible", "Maximum"),
            metrics.dead_letters("ApproximateNumberOfMessagesVisible", "Maximum"),
            right=[metrics.queue("ApproximateAgeOfOldestMessage", "Maximum")],
        ),
        _graph(
            "Trigger: raw objects",
            metrics.own(Metric.OBJECTS_SEEN),
            metrics.own(Metric.OBJECTS_CLAIMED),
            metrics.own(Metric.OBJECTS_DUPLICATE),
            metrics.own(Metric.OBJECTS_IGNORED),
        ),
        _graph(
            "Trigger: raw objects that wait, or were forgotten",
            metrics.own(Metric.OBJECTS_DEFERRED),
            metrics.own(Metric.OBJECTS_FORGOTTEN),
            metrics.own(Metric.CLUSTER_UNAVAILABLE),
        ),
    )


def _step_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    return (
        _graph(
            "Steps: outcomes",
            metrics.own(Metric.STEPS_SUBMITTED),
            metrics.own(Metric.STEPS_COMPLETED),
            metrics.own(Metric.STEPS_FAILED),
        ),
        _graph(
            "Steps: failures and ends of clusters, by EMR's events",
            metrics.step_failures("MatchedEvents", "Sum"),
            metrics.cluster_ends("MatchedEvents", "Sum"),
        ),
        _graph(
            "Steps: batches",
            metrics.own(Metric.BATCHES_RETRIED),
            metrics.own(Metric.BATCHES_SET_ASIDE),
            metrics.own(Metric.BATCHES_OVERDUE),
        ),
    )


def _cluster_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    return (
        _graph(
            "Cluster: applications",
            metrics.cluster("AppsRunning", "Maximum"),
            metrics.cluster("AppsPending", "Maximum"),
            metrics.cluster("AppsFailed", "Maximum"),
        ),
        _graph(
            "Cluster: free YARN memory, containers that wait",
            metrics.cluster("YARNMemoryAvailablePercentage", "Average"),
            right=[metrics.cluster("ContainerPending", "Maximum")],
        ),
        _graph(
            "Cluster: started, failed",
            metrics.own(Metric.CLUSTERS_STARTED),
            metrics.own(Metric.CLUSTERS_FAILED),
        ),
    )


def _ledger_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    """What the batches say of the events that they read."""
    return (
        _graph("Ledger: events curated", metrics.own(Metric.EVENTS_CURATED)),
        _graph("Ledger: events found again", metrics.own(Metric.EVENTS_DUPLICATE)),
        _graph(
            "Ledger: set aside",
            metrics.own(Metric.ROWS_QUARANTINED),
            metrics.own(Metric.OBJECTS_UNREADABLE),
        ),
    )


def _function_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    return tuple(
        _graph(
            f"Functions: {title}",
            *(metrics.function(function, name, statistic) for function in metrics.functions),
        )
        for title, name, statistic in (
            ("errors", "Errors", "Sum"),
            ("throttles", "Throttles", "Sum"),
            ("duration", "Duration", "p95"),
        )
    )


def _cost_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    """What the bill follows: bytes in, bytes delivered, and nodes."""
    delivered = (
        []
        if metrics.delivery_stream_name is None
        else [
            _graph(
                "Cost: delivery, bytes read",
                metrics.delivery("DataReadFromKinesisStream.Bytes", "Sum"),
            )
        ]
    )
    return (
        _graph("Cost: data stream, bytes in", metrics.stream("IncomingBytes", "Sum")),
        *delivered,
        _graph(
            "Cost: cluster, core nodes",
            metrics.cluster("CoreNodesRunning", "Maximum"),
            right=[metrics.cluster("IsIdle", "Average")],
        ),
    )
