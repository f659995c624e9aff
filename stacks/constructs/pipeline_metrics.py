"""The metrics of the pipeline: those that AWS publishes about its parts, and its own.

Each service's namespace and dimension stand in one place; the names are those of the services'
own lists: "Monitoring Amazon Kinesis Data Streams", "Monitor Amazon Data Firehose", "Available
CloudWatch metrics for Amazon SQS", "Lambda metrics", "Monitoring Amazon EMR metrics", "Monitoring
Amazon EventBridge". The gate of `metric_gate.py` holds each of them to its catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.constructs.shared_id import SharedId
from tidelake.contract.metrics import (
    DIMENSION,
    EVENTS_COUNTED,
    NAMESPACE,
    SOURCE_DIMENSION,
    TYPE_DIMENSION,
    Metric,
)

_PERIOD = cdk.Duration.minutes(5)


@dataclass(frozen=True, kw_only=True)
class PipelineMetrics:
    """Metrics of one environment's pipeline, whose parts go by name."""

    environment: str
    stream_name: str
    delivery_stream_name: str | None
    """None where nothing is delivered."""
    cluster_id: str | None
    """None where clusters come and go: their metrics are then searched for."""
    functions: Mapping[SharedId, str]
    """Names of the functions, of which the trigger is always one."""
    trigger_queue_name: str
    dead_letter_queue_name: str
    counter_failure_queue_name: str | None
    """None where no function counts the events of the stream."""
    step_failure_rule_name: str
    cluster_end_rule_name: str

    def stream(self, name: str, statistic: str) -> cloudwatch.Metric:
        """A stream-level metric of the data stream."""
        return _metric("AWS/Kinesis", name, statistic, StreamName=self.stream_name)

    def shards(self, name: str, statistic: str) -> cloudwatch.SearchExpression:
        """A metric of each shard, found as shards come and go; the stream has to publish it."""
        return _search(
            "AWS/Kinesis,ShardId,StreamName", name, statistic, StreamName=self.stream_name
        )

    def consumers(self, name: str, statistic: str) -> cloudwatch.SearchExpression:
        """A metric of each reader with enhanced fan-out."""
        return _search(
            "AWS/Kinesis,ConsumerName,StreamName", name, statistic, StreamName=self.stream_name
        )

    def delivery(self, name: str, statistic: str) -> cloudwatch.Metric:
        """A metric of the delivery stream, which has to be there."""
        assert self.delivery_stream_name is not None  # noqa: S101 - a mistake of the caller
        return _metric(
            "AWS/Firehose", name, statistic, DeliveryStreamName=self.delivery_stream_name
        )

    def cluster(self, name: str, statistic: str) -> cloudwatch.IMetric:
        """A metric of the cluster; of every cluster in account and region where it has no id."""
        if self.cluster_id is None:
            return _search("AWS/ElasticMapReduce,JobFlowId", name, statistic)
        return _metric("AWS/ElasticMapReduce", name, statistic, JobFlowId=self.cluster_id)

    def function(self, function: SharedId, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/Lambda", name, statistic, FunctionName=self.functions[function])

    def queue(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/SQS", name, statistic, QueueName=self.trigger_queue_name)

    def dead_letters(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/SQS", name, statistic, QueueName=self.dead_letter_queue_name)

    def counter_failures(self, name: str, statistic: str) -> cloudwatch.Metric:
        """Of the queue of records that could not be counted, which has to be there."""
        assert self.counter_failure_queue_name is not None  # noqa: S101 - the caller's mistake
        return _metric("AWS/SQS", name, statistic, QueueName=self.counter_failure_queue_name)

    def events_counted(self) -> cloudwatch.SearchExpression:
        """Events on the stream, a line for each source and type as they come."""
        return _search(
            f"{NAMESPACE},{DIMENSION},{TYPE_DIMENSION},{SOURCE_DIMENSION}",
            EVENTS_COUNTED,
            "Sum",
            **{DIMENSION: self.environment},
        )

    def step_failures(self, name: str, statistic: str) -> cloudwatch.Metric:
        """Of the rule that EMR's events of failed steps match: EMR has no metric of them."""
        return _metric("AWS/Events", name, statistic, RuleName=self.step_failure_rule_name)

    def cluster_ends(self, name: str, statistic: str) -> cloudwatch.Metric:
        """Of the rule that EMR's events of clusters that ended, and should not have, match."""
        return _metric("AWS/Events", name, statistic, RuleName=self.cluster_end_rule_name)

    def own(self, metric: Metric, statistic: str = "Sum") -> cloudwatch.Metric:
        """A count that the pipeline's own functions publish."""
        return _metric(NAMESPACE, metric.value, statistic, **{DIMENSION: self.environment})


def _metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=_PERIOD,
    )


def _search(
    schema: str, name: str, statistic: str, **dimensions: str
) -> cloudwatch.SearchExpression:
    terms = " ".join(
        f'{key}="{value}"' for key, value in {"MetricName": name, **dimensions}.items()
    )
    seconds = f"{_PERIOD.to_seconds():.0f}"
    return cloudwatch.SearchExpression(
        expression=f"SEARCH('{{{schema}}} {terms}', '{statistic}', {seconds})",
        label=name,
        period=_PERIOD,
    )
