"""What a person must act on, and who is told."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.sections.monitoring import MonitoringConfig

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


class PipelineAlarms(Construct):
    """One alarm for each watch, and one over all of them; each tells one topic."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: MonitoringConfig,
        metrics: PipelineMetrics,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        watches = (*_ingest(config, metrics), *_delivery(config, metrics), *_steps(config, metrics))
        self._runbook_url = config.runbook_url
        self.alarms = [self._alarm(watch, topic) for watch in watches]
        self.unhealthy = cloudwatch.CompositeAlarm(
            self,
            "PipelineUnhealthy",
            alarm_description=self._described(
                "PipelineUnhealthy",
                "At least one alarm of the pipeline is on: events wait, are set aside, or fail.",
            ),
            alarm_rule=cloudwatch.AlarmRule.any_of(
                *(
                    cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
                    for alarm in self.alarms
                )
            ),
        )
        self.unhealthy.add_alarm_action(actions.SnsAction(topic))

    def _described(self, name: str, description: str) -> str:
        """The description, with a link to the part of the runbook that has the alarm's name."""
        if not self._runbook_url:
            return description
        return f"{description} Runbook: {self._runbook_url}#{name.lower()}"

    def _alarm(self, watch: Watch, topic: sns.ITopic) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            watch.name,
            alarm_description=self._described(watch.name, watch.description),
            metric=watch.metric,
            threshold=watch.threshold,
            comparison_operator=watch.comparison,
            evaluation_periods=watch.evaluation_periods,
            treat_missing_data=watch.missing_data,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))
        return alarm


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


def _steps(config: MonitoringConfig, metrics: PipelineMetrics) -> tuple[Watch, ...]:
    return (
        Watch(
            name="TriggerFailing",
            metric=metrics.trigger("Errors", "Sum"),
            threshold=0,
            description=(
                "The trigger could not submit a step: see its log group. Its events stay queued "
                "and are tried again. No data means that it did not run."
            ),
        ),
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
    )
