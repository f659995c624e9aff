"""The metrics that AWS publishes about the parts of the pipeline.

Each service's namespace and dimension stand in one place; the names are those of the services'
own lists: "Monitoring Amazon Kinesis Data Streams", "Monitor Amazon Data Firehose", "Available
CloudWatch metrics for Amazon SQS", "Lambda metrics", "Monitoring Amazon EMR metrics", "Monitoring
Amazon EventBridge". The gate of `metric_gate.py` holds each of them to its catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

_PERIOD = cdk.Duration.minutes(5)


@dataclass(frozen=True, kw_only=True)
class PipelineMetrics:
    """Metrics of one pipeline, whose parts go by name."""

    stream_name: str
    delivery_stream_name: str
    cluster_id: str
    trigger_function_name: str
    trigger_queue_name: str
    dead_letter_queue_name: str
    step_failure_rule_name: str

    def stream(self, name: str, statistic: str) -> cloudwatch.Metric:
        """A stream-level metric of the data stream."""
        return _metric("AWS/Kinesis", name, statistic, StreamName=self.stream_name)

    def shards(self, name: str, statistic: str) -> cloudwatch.SearchExpression:
        """A metric of each shard, found as shards come and go; the stream has to publish it."""
        return self._search("ShardId,StreamName", name, statistic)

    def consumers(self, name: str, statistic: str) -> cloudwatch.SearchExpression:
        """A metric of each reader with enhanced fan-out."""
        return self._search("ConsumerName,StreamName", name, statistic)

    def _search(self, dimensions: str, name: str, statistic: str) -> cloudwatch.SearchExpression:
        seconds = _PERIOD.to_seconds()
        terms = f'MetricName="{name}" StreamName="{self.stream_name}"'
        return cloudwatch.SearchExpression(
            expression=(
                f"SEARCH('{{AWS/Kinesis,{dimensions}}} {terms}', '{statistic}', {seconds:.0f})"
            ),
            label=name,
            period=_PERIOD,
        )

    def delivery(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric(
            "AWS/Firehose", name, statistic, DeliveryStreamName=self.delivery_stream_name
        )

    def cluster(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/ElasticMapReduce", name, statistic, JobFlowId=self.cluster_id)

    def trigger(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/Lambda", name, statistic, FunctionName=self.trigger_function_name)

    def queue(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/SQS", name, statistic, QueueName=self.trigger_queue_name)

    def dead_letters(self, name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/SQS", name, statistic, QueueName=self.dead_letter_queue_name)

    def step_failures(self, name: str, statistic: str) -> cloudwatch.Metric:
        """Of the rule that EMR's events of failed steps match: EMR has no metric of them."""
        return _metric("AWS/Events", name, statistic, RuleName=self.step_failure_rule_name)


def _metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=_PERIOD,
    )
