"""An alarm for each thing that a person must act on, and who is told."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.constructs.watches import Watch, pipeline_watches
from stacks.sections.monitoring import MonitoringConfig


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
        self._runbook_url = config.runbook_url
        self.alarms = [self._alarm(watch, topic) for watch in pipeline_watches(config, metrics)]
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
