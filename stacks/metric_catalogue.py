"""The metrics that AWS publishes for the kinds of resource in the stacks, and the pipeline's own.

Each entry is a namespace with one set of dimensions: CloudWatch keeps a metric apart for every set,
so that a name is only found under the dimensions with which its service publishes it. `source` is
the service's own list, from which the names were taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidelake.contract import metrics
from tidelake.contract.settings import ENVIRONMENT_VARIABLE

_DOCS = "https://docs.aws.amazon.com"


@dataclass(frozen=True, kw_only=True)
class Published:
    """Metrics of one namespace under one set of dimensions."""

    namespace: str
    owners: Mapping[str, str]
    """Dimension -> the type of the resource that it names."""

    metrics: frozenset[str]
    source: str
    unknown_at_synth: frozenset[str] = field(default_factory=frozenset)
    """Dimensions whose values only the service knows: they are found by SEARCH alone."""

    enabled_by: str | None = None
    """The owner's property that lists which of these metrics are published."""

    searched_without_owner: bool = False
    """Whether owners may come and go: where the app has none, its dimension is searched for."""

    told_by: Mapping[str, str] = field(default_factory=dict)
    """Dimension -> the environment variable by which a function is told its value."""

    @property
    def dimensions(self) -> frozenset[str]:
        return frozenset(self.owners) | self.unknown_at_synth | frozenset(self.told_by)


_STREAM = Published(
    namespace="AWS/Kinesis",
    owners={"StreamName": "AWS::Kinesis::Stream"},
    source=f"{_DOCS}/streams/latest/dev/monitoring-with-cloudwatch.html",
    metrics=frozenset(
        {
            "GetRecords.Bytes",
            "GetRecords.IteratorAgeMilliseconds",
            "GetRecords.Latency",
            "GetRecords.Records",
            "GetRecords.Success",
            "IncomingBytes",
            "IncomingRecords",
            "PutRecord.Bytes",
            "PutRecord.Latency",
            "PutRecord.Success",
            "PutRecords.Bytes",
            "PutRecords.FailedRecords",
            "PutRecords.Latency",
            "PutRecords.Records",
            "PutRecords.Success",
            "PutRecords.SuccessfulRecords",
            "PutRecords.ThrottledRecords",
            "PutRecords.TotalRecords",
            "ReadProvisionedThroughputExceeded",
            "WriteProvisionedThroughputExceeded",
        }
    ),
)
_SHARD = Published(
    namespace="AWS/Kinesis",
    owners={"StreamName": "AWS::Kinesis::Stream"},
    unknown_at_synth=frozenset({"ShardId"}),
    enabled_by="DesiredShardLevelMetrics",
    source=_STREAM.source,
    metrics=frozenset(
        {
            "IncomingBytes",
            "IncomingRecords",
            "IteratorAgeMilliseconds",
            "OutgoingBytes",
            "OutgoingRecords",
            "ReadProvisionedThroughputExceeded",
            "WriteProvisionedThroughputExceeded",
        }
    ),
)
_CONSUMER = Published(
    namespace="AWS/Kinesis",
    owners={"StreamName": "AWS::Kinesis::Stream"},
    unknown_at_synth=frozenset({"ConsumerName"}),
    source=_STREAM.source,
    metrics=frozenset(
        {
            "SubscribeToShard.RateExceeded",
            "SubscribeToShard.Success",
            "SubscribeToShardEvent.Bytes",
            "SubscribeToShardEvent.MillisBehindLatest",
            "SubscribeToShardEvent.Records",
            "SubscribeToShardEvent.Success",
        }
    ),
)
_DELIVERY = Published(
    namespace="AWS/Firehose",
    owners={"DeliveryStreamName": "AWS::KinesisFirehose::DeliveryStream"},
    source=f"{_DOCS}/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html",
    metrics=frozenset(
        {
            "BackupToS3.Bytes",
            "BackupToS3.DataFreshness",
            "BackupToS3.Records",
            "BackupToS3.Success",
            "DataReadFromKinesisStream.Bytes",
            "DataReadFromKinesisStream.Records",
            "DeliveryToS3.Bytes",
            "DeliveryToS3.DataFreshness",
            "DeliveryToS3.ObjectCount",
            "DeliveryToS3.Records",
            "DeliveryToS3.Success",
            "ExecuteProcessing.Duration",
            "ExecuteProcessing.Success",
            "FailedConversion.Bytes",
            "FailedConversion.Records",
            "KinesisMillisBehindLatest",
            "SucceedConversion.Bytes",
            "SucceedConversion.Records",
            "SucceedProcessing.Bytes",
            "SucceedProcessing.Records",
            "ThrottledGetRecords",
            "ThrottledGetShardIterator",
        }
    ),
)
_CLUSTER = Published(
    namespace="AWS/ElasticMapReduce",
    owners={"JobFlowId": "AWS::EMR::Cluster"},
    searched_without_owner=True,
    source=f"{_DOCS}/emr/latest/ManagementGuide/UsingEMR_ViewingMetrics.html",
    metrics=frozenset(
        {
            "AppsCompleted",
            "AppsFailed",
            "AppsKilled",
            "AppsPending",
            "AppsRunning",
            "AppsSubmitted",
            "CapacityRemainingGB",
            "ContainerAllocated",
            "ContainerPending",
            "ContainerPendingRatio",
            "ContainerReserved",
            "CoreNodesPending",
            "CoreNodesRunning",
            "CorruptBlocks",
            "HDFSUtilization",
            "IsIdle",
            "LiveDataNodes",
            "MRActiveNodes",
            "MRLostNodes",
            "MRTotalNodes",
            "MRUnhealthyNodes",
            "MemoryAllocatedMB",
            "MemoryAvailableMB",
            "MemoryReservedMB",
            "MemoryTotalMB",
            "MissingBlocks",
            "S3BytesRead",
            "S3BytesWritten",
            "TotalLoad",
            "YARNMemoryAvailablePercentage",
        }
    ),
)
_FUNCTION = Published(
    namespace="AWS/Lambda",
    owners={"FunctionName": "AWS::Lambda::Function"},
    source=f"{_DOCS}/lambda/latest/dg/monitoring-metrics-types.html",
    metrics=frozenset(
        {"ConcurrentExecutions", "Duration", "Errors", "Invocations", "IteratorAge", "Throttles"}
    ),
)
_QUEUE = Published(
    namespace="AWS/SQS",
    owners={"QueueName": "AWS::SQS::Queue"},
    source=(
        f"{_DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "sqs-available-cloudwatch-metrics.html"
    ),
    metrics=frozenset(
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfEmptyReceives",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        }
    ),
)
_RULE = Published(
    namespace="AWS/Events",
    owners={"RuleName": "AWS::Events::Rule"},
    source=f"{_DOCS}/eventbridge/latest/userguide/eb-monitoring.html",
    metrics=frozenset(
        {
            "FailedInvocations",
            "Invocations",
            "InvocationsFailedToBeSentToDlq",
            "InvocationsSentToDlq",
            "MatchedEvents",
            "ThrottledRules",
            "TriggeredRules",
        }
    ),
)
_TOPIC = Published(
    namespace="AWS/SNS",
    owners={"TopicName": "AWS::SNS::Topic"},
    source=f"{_DOCS}/sns/latest/dg/sns-monitoring-using-cloudwatch.html",
    metrics=frozenset(
        {
            "NumberOfMessagesPublished",
            "NumberOfNotificationsDelivered",
            "NumberOfNotificationsFailed",
            "PublishSize",
        }
    ),
)

_OWN = Published(
    namespace=metrics.NAMESPACE,
    owners={},
    told_by={metrics.DIMENSION: ENVIRONMENT_VARIABLE},
    source="tidelake/contract/metrics.py",
    metrics=frozenset(metric.value for metric in metrics.Metric),
)

_EVENTS = Published(
    namespace=metrics.NAMESPACE,
    owners={},
    told_by={metrics.DIMENSION: ENVIRONMENT_VARIABLE},
    unknown_at_synth=frozenset({metrics.SOURCE_DIMENSION, metrics.TYPE_DIMENSION}),
    source="tidelake/contract/metrics.py",
    metrics=frozenset({metrics.EVENTS_COUNTED}),
)

CATALOGUE: tuple[Published, ...] = (
    _STREAM,
    _SHARD,
    _CONSUMER,
    _DELIVERY,
    _CLUSTER,
    _FUNCTION,
    _QUEUE,
    _RULE,
    _TOPIC,
    _OWN,
    _EVENTS,
)


def find(namespace: str, dimensions: frozenset[str]) -> Published | None:
    """What is published in `namespace` under exactly these dimensions."""
    for published in CATALOGUE:
        if (published.namespace, published.dimensions) == (namespace, dimensions):
            return published
    return None
