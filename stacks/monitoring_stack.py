"""Who watches: dashboard, alarms, and the topic that they are sent to."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.alarm_topic import alarm_topic
from stacks.constructs.cost_budget import cost_budget
from stacks.constructs.pipeline_alarms import PipelineAlarms
from stacks.constructs.pipeline_dashboard import pipeline_dashboard
from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.constructs.shared_id import SharedId
from stacks.pipeline_stack import PipelineStack
from tidelake.contract.deployment import Output


class MonitoringStack(PipelineStack):
    """Dashboard and alarms over the whole pipeline; failed steps are told by EMR's own events."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        key: kms.IKey,
        stream: kinesis.IStream,
    ) -> None:
        super().__init__(
            scope, construct_id, config=config, description="tidelake: dashboard and alarms"
        )
        watched = config.monitoring
        topic = alarm_topic(
            self, "Alarms", key=key, emails=watched.alarm_emails, urls=watched.alarm_urls
        )
        failed = _tell_failed_steps(
            self, cluster_id=SharedId.CLUSTER.read(self, config.environment), topic=topic
        )
        metrics = self._metrics(stream, failed)
        watch = PipelineAlarms(self, "Watch", config=watched, metrics=metrics, topic=topic)
        dashboard = pipeline_dashboard(
            self,
            "Dashboard",
            metrics=metrics,
            alarms=[watch.unhealthy, *watch.alarms],
            stream=config.stream,
        )
        if watched.monthly_budget_usd:
            cost_budget(
                self,
                "Budget",
                environment=config.environment,
                monthly_usd=watched.monthly_budget_usd,
                emails=watched.alarm_emails,
            )
        self.add_output(Output.DASHBOARD, dashboard.dashboard_name)
        self.add_output(Output.ALARM_TOPIC, topic.topic_arn)

    def _metrics(self, stream: kinesis.IStream, failed_steps: events.IRule) -> PipelineMetrics:
        environment = self.config.environment
        return PipelineMetrics(
            stream_name=stream.stream_name,
            delivery_stream_name=SharedId.DELIVERY_STREAM.read(self, environment),
            cluster_id=SharedId.CLUSTER.read(self, environment),
            trigger_function_name=SharedId.TRIGGER_FUNCTION.read(self, environment),
            trigger_queue_name=SharedId.TRIGGER_QUEUE.read(self, environment),
            dead_letter_queue_name=SharedId.TRIGGER_DEAD_LETTERS.read(self, environment),
            step_failure_rule_name=failed_steps.rule_name,
        )


def _tell_failed_steps(scope: Construct, *, cluster_id: str, topic: sns.ITopic) -> events.Rule:
    """EMR publishes no metric of its steps' outcomes, only events, and those at best effort."""
    return events.Rule(
        scope,
        "StepFailed",
        description="tidelake: a Spark step did not complete; its log lies in the lake's emr-logs/",
        event_pattern=events.EventPattern(
            source=["aws.emr"],
            detail_type=["EMR Step Status Change"],
            # A cluster that ends takes its steps along, which are then cancelled or interrupted.
            detail={
                "clusterId": [cluster_id],
                "state": ["FAILED", "CANCELLED", "INTERRUPTED"],
            },
        ),
        targets=[targets.SnsTopic(topic)],
    )
