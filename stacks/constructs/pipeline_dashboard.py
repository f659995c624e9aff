"""The pipeline at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs.pipeline_metrics import PipelineMetrics

_ROW = 24


def pipeline_dashboard(
    scope: Construct,
    construct_id: str,
    *,
    metrics: PipelineMetrics,
    alarms: Sequence[cloudwatch.IAlarm],
) -> cloudwatch.Dashboard:
    """One row for each hop, in the order in which an event takes them; alarms first."""
    dashboard = cloudwatch.Dashboard(scope, construct_id)
    dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=_ROW))
    for row in (_stream_row(metrics), _delivery_row(metrics), _step_row(metrics)):
        dashboard.add_widgets(*row)
    return dashboard


def _graph(
    title: str, *left: cloudwatch.Metric, right: Sequence[cloudwatch.Metric] = ()
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
            "Cluster",
            metrics.cluster("AppsRunning", "Maximum"),
            metrics.cluster("AppsPending", "Maximum"),
            metrics.cluster("ContainerPending", "Maximum"),
            right=[metrics.cluster("YARNMemoryAvailablePercentage", "Average")],
        ),
    )
