"""The pipeline at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.sections.stream import StreamConfig

_ROW = 24


def pipeline_dashboard(
    scope: Construct,
    construct_id: str,
    *,
    metrics: PipelineMetrics,
    alarms: Sequence[cloudwatch.IAlarm],
    stream: StreamConfig,
) -> cloudwatch.Dashboard:
    """One row for each hop, in the order in which an event takes them; alarms first, cost last."""
    dashboard = cloudwatch.Dashboard(scope, construct_id)
    dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=_ROW))
    for row in (
        _stream_row(metrics),
        _reader_row(metrics, stream),
        _delivery_row(metrics),
        _step_row(metrics),
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


def _cost_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    """What the bill follows: bytes in, bytes delivered, and nodes."""
    return (
        _graph("Cost: data stream, bytes in", metrics.stream("IncomingBytes", "Sum")),
        _graph(
            "Cost: delivery, bytes read", metrics.delivery("DataReadFromKinesisStream.Bytes", "Sum")
        ),
        _graph(
            "Cost: cluster, core nodes",
            metrics.cluster("CoreNodesRunning", "Maximum"),
            right=[metrics.cluster("IsIdle", "Average")],
        ),
    )


def _delivery_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
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


def _step_row(metrics: PipelineMetrics) -> tuple[cloudwatch.IWidget, ...]:
    return (
        _graph(
            "Trigger: queue",
            metrics.queue("ApproximateNumberOfMessagesVisible", "Maximum"),
            metrics.dead_letters("ApproximateNumberOfMessagesVisible", "Maximum"),
            right=[metrics.queue("ApproximateAgeOfOldestMessage", "Maximum")],
        ),
        _graph(
            "Trigger: function",
            metrics.trigger("Invocations", "Sum"),
            metrics.trigger("Errors", "Sum"),
            metrics.trigger("Throttles", "Sum"),
            right=[metrics.trigger("Duration", "p95")],
        ),
        _graph(
            "Cluster, and steps that failed",
            metrics.cluster("AppsRunning", "Maximum"),
            metrics.cluster("AppsPending", "Maximum"),
            metrics.cluster("ContainerPending", "Maximum"),
            metrics.step_failures("MatchedEvents", "Sum"),
            right=[metrics.cluster("YARNMemoryAvailablePercentage", "Average")],
        ),
    )
