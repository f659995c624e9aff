"""What a person must act on: when an alarm goes off, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.constructs.shared_id import SharedId
from stacks.sections.monitoring import MonitoringConfig
from tidelake.contract.metrics import Metric

_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One alarm: when it goes off, what that means, and what to look at first."""

    name: str
    metric: cloudwatch.Metric
    threshold: float
    description: str
    comparison: cloudwatch.ComparisonOperator = _ABOVE
    evaluation_periods: int = 1
    missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING


def pipeline_watches(config: MonitoringConfig, metrics: PipelineMetrics) -> Iterator[Watch]:
    """Every watch over the parts that there are, in the order in which an event takes them."""
    yield from _ingest(config, metrics)
    if metrics.delivery_stream_name is not None:
        yield from _delivery(config, metrics)
    if metrics.counter_failure_queue_name is not None:
        yield Watch(
            name="RecordsUncounted",
            metric=metrics.counter_failures("ApproximateNumberOfMessagesVisible", "Maximum"),
            threshold=0,
            description=(
                "Records of the data stream hold no event; where each lies stands in a message of "
                "the queue. No data means an empty queue."
            ),
        )
    if SharedId.TRANSFORM_FUNCTION in metrics.functions:
        yield from _transform(metrics)
    for function in metrics.functions:
        if function in _FUNCTIONS:
            yield _function(function, metrics)
    yield from _steps(config, metrics)
    for metric, description in _COUNTS.items():
        yield _count(metric, description, metrics)


_FUNCTIONS = {
    SharedId.COUNTER_FUNCTION: (
        "CounterFailing",
        "The function that counts events of the data stream failed: see its log group. Lambda "
        "tries its records again. No data means that it did not run.",
    ),
    SharedId.TRIGGER_FUNCTION: (
        "TriggerFailing",
        "The trigger could not submit a step: see its log group. Its events stay queued and are "
        "tried again. No data means that it did not run.",
    ),
    SharedId.OUTCOME_FUNCTION: (
        "OutcomeFailing",
        "The function that follows batches as EMR tells of their steps failed: see its log group. "
        "The sweep finds what it missed. No data means that it did not run.",
    ),
    SharedId.SWEEP_FUNCTION: (
        "SweepFailing",
        "The sweep failed: see its log group. What EMR's events do not tell is not found until it "
        "runs again. No data means that it did not run.",
    ),
}
"""Name and description of the alarm on a function's errors; Firehose counts those of its own."""

_COUNTS = {
    Metric.BATCHES_SET_ASIDE: (
        "A batch failed as often as it is tried and is in no table: see its steps' logs. No data "
        "means that none did."
    ),
    Metric.BATCHES_OVERDUE: (
        "A batch was submitted long ago and is not in the ledger: is its step still running? No "
        "data means that none is."
    ),
    Metric.OBJECTS_FORGOTTEN: (
        "A raw object is in no batch although it is old enough: its event was lost. The sweep "
        "hands it in again. No data means that none is."
    ),
    Metric.OBJECTS_UNREADABLE: (
        "A raw object could not be read and is in no table; the quarantine has it. No data means "
        "that all could."
    ),
    Metric.CLUSTER_UNAVAILABLE: (
        "The trigger has no cluster that takes steps, and raw objects wait. No data means that it "
        "had one."
    ),
    Metric.CLUSTERS_FAILED: (
        "A cluster ended with errors: see the reason in EMR. No data means that none did."
    ),
}
"""Own counts of which each is one too many, with the description of its alarm."""


def _function(function: SharedId, metrics: PipelineMetrics) -> Watch:
    name, description = _FUNCTIONS[function]
    return Watch(
        name=name,
        metric=metrics.function(function, "Errors", "Sum"),
        threshold=0,
        description=description,
    )


def _count(metric: Metric, description: str, metrics: PipelineMetrics) -> Watch:
    """Its alarm bears the name of the metric."""
    return Watch(
        name=metric.value, metric=metrics.own(metric), threshold=0, description=description
    )


def _ingest(config: MonitoringConfig, metrics: PipelineMetrics) -> tuple[Watch, ...]:
    return (
        Watch(
            name="WriteThrottled",
            metric=metrics.stream("WriteProvisionedThroughputExceeded", "Sum"),
            threshold=0,
            evaluation_periods=3,
            description=(
                "Producers are throttled: add shards, or look for a partition key that most "
                "records share. No data means no writes, which is fine."
            ),
        ),
        Watch(
            name="RecordsUnread",
            metric=metrics.stream("GetRecords.IteratorAgeMilliseconds", "Maximum"),
            threshold=config.iterator_age_alarm_seconds * 1000,
            description=(
                "A reader of the data stream falls behind; records are lost once they are older "
                "than the retention. No data means that nobody reads, which is fine."
            ),
        ),
    )


def _delivery(config: MonitoringConfig, metrics: PipelineMetrics) -> tuple[Watch, ...]:
    return (
        Watch(
            name="DeliveryStale",
            metric=metrics.delivery("DeliveryToS3.DataFreshness", "Maximum"),
            threshold=config.freshness_alarm_seconds,
            description=(
                "Records wait too long for the lake. Firehose is silent here when it is idle or "
                "blocked, so no data is fine; DeliveryFailing and DeliveryBehind cover the rest."
            ),
        ),
        Watch(
            name="DeliveryFailing",
            metric=metrics.delivery("DeliveryToS3.Success", "Average"),
            threshold=1,
            comparison=_BELOW,
            description=(
                "Firehose cannot write to the lake bucket: see its log group for the reason. "
                "No data means that nothing was due."
            ),
        ),
        Watch(
            name="DeliveryBehind",
            metric=metrics.delivery("KinesisMillisBehindLatest", "Maximum"),
            threshold=config.freshness_alarm_seconds * 1000,
            description=(
                "Firehose is behind the end of the data stream. No data means an idle stream."
            ),
        ),
        Watch(
            name="ConversionFailing",
            metric=metrics.delivery("FailedConversion.Records", "Sum"),
            threshold=0,
            description=(
                "Records do not fit the raw table; they lie in streaming-errors/. No data means "
                "that none failed."
            ),
        ),
    )


def _transform(metrics: PipelineMetrics) -> tuple[Watch, ...]:
    return (
        Watch(
            name="TransformFailing",
            metric=metrics.delivery("ExecuteProcessing.Success", "Average"),
            threshold=1,
            comparison=_BELOW,
            description=(
                "Firehose's calls of the function that holds records to the contract fail: see "
                "its log group. Firehose tries again, then sets the records aside in "
                "streaming-errors/. No data means that nothing was due."
            ),
        ),
        _count(
            Metric.RECORDS_REJECTED,
            "Records break the contract; they lie in streaming-errors/processing-failed/. No data "
            "means that none did.",
            metrics,
        ),
        _count(
            Metric.RECORDS_OVER_LIMIT,
            "Records did not fit into the answer of the function that checks them; they lie in "
            "streaming-errors/processing-failed/. No data means that all did.",
            metrics,
        ),
    )


def _steps(config: MonitoringConfig, metrics: PipelineMetrics) -> tuple[Watch, ...]:
    return (
        Watch(
            name="ObjectsUntaken",
            metric=metrics.queue("ApproximateAgeOfOldestMessage", "Maximum"),
            threshold=config.queue_age_alarm_seconds,
            description=(
                "New raw objects wait for a step: is the cluster up, does the trigger run? "
                "No data means an empty queue."
            ),
        ),
        Watch(
            name="DeadLetters",
            metric=metrics.dead_letters("ApproximateNumberOfMessagesVisible", "Maximum"),
            threshold=0,
            description=(
                "Object events were given up on and their objects are in no table: mend the "
                "cause, then redrive the queue. No data means an empty queue."
            ),
        ),
        Watch(
            name="StepsFailing",
            metric=metrics.step_failures("MatchedEvents", "Sum"),
            threshold=0,
            description=(
                "A Spark step failed and its batch is in no table: see its log in emr-logs/, then "
                "run it again, which is safe. No data means that none failed; EMR tells at best "
                "effort."
            ),
        ),
        Watch(
            name="ClusterEnded",
            metric=metrics.cluster_ends("MatchedEvents", "Sum"),
            threshold=0,
            description=(
                "A cluster ended that should not have, and took its steps along: see the reason "
                "in EMR. No data means that none did; EMR tells at best effort."
            ),
        ),
    )
