"""The metrics that AWS publishes about the parts of the pipeline.

Each service's namespace and dimension stand in one place; the names are those of the services'
own lists: "Monitoring Amazon Kinesis Data Streams", "Monitor Amazon Data Firehose", "Available
CloudWatch metrics for Amazon SQS", "Lambda metrics", "Monitoring Amazon EMR metrics".
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch


@dataclass(frozen=True, kw_only=True)
class PipelineMetrics:
    """Metrics of one pipeline, whose parts go by name."""

    stream_name: str
    delivery_stream_name: str
    cluster_id: str
    trigger_function_name: str
    trigger_queue_name: str
    dead_letter_queue_name: str

    def stream(self, name: str, statistic: str) -> cloudwatch.Metric:
        """A stream-level metric of the data stream."""
        return _metric("AWS/Kinesis", name, statistic, StreamName=self.stream_name)

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


def _metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=cdk.Duration.minutes(5),
    )
