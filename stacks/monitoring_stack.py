"""Who watches: dashboard, alarms, and the topic that they are sent to."""

from __future__ import annotations

from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.alarm_topic import alarm_topic
from stacks.constructs.cluster_events import ClusterEvents
from stacks.constructs.cost_budget import cost_budget
from stacks.constructs.pipeline_alarms import PipelineAlarms
from stacks.constructs.pipeline_dashboard import pipeline_dashboard
from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.constructs.shared_id import SharedId
from stacks.pipeline_stack import PipelineStack
from tidelake.contract.deployment import Output, StackRole


class MonitoringStack(PipelineStack):
    """Dashboard and alarms over the whole pipeline; EMR's own events tell of steps and clusters."""

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
        metrics = self._metrics(stream, topic)
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

    def _metrics(self, stream: kinesis.IStream, topic: sns.ITopic) -> PipelineMetrics:
        environment, delivery = self.config.environment, self.config.delivery
        persistent = not self.config.cluster.on_demand
        cluster_id = SharedId.CLUSTER.read(self, environment) if persistent else None
        cluster_events = ClusterEvents(
            self,
            "Emr",
            cluster_id=cluster_id,
            cluster_name=StackRole.PROCESSING.stack_name(environment),
            environment=environment,
            topic=topic,
        )
        functions = {
            SharedId.COUNTER_FUNCTION: self.config.consumer_function.enabled,
            SharedId.TRANSFORM_FUNCTION: delivery.transform,
            SharedId.TRIGGER_FUNCTION: True,
            SharedId.OUTCOME_FUNCTION: True,
            SharedId.SWEEP_FUNCTION: True,
        }
        return PipelineMetrics(
            environment=environment,
            stream_name=stream.stream_name,
            delivery_stream_name=(
                SharedId.DELIVERY_STREAM.read(self, environment) if delivery.enabled else None
            ),
            cluster_id=cluster_id,
            functions={
                function: function.read(self, environment)
                for function, is_there in functions.items()
                if is_there
            },
            trigger_queue_name=SharedId.TRIGGER_QUEUE.read(self, environment),
            dead_letter_queue_name=SharedId.TRIGGER_DEAD_LETTERS.read(self, environment),
            counter_failure_queue_name=(
                SharedId.COUNTER_FAILURES.read(self, environment)
                if self.config.consumer_function.enabled
                else None
            ),
            step_failure_rule_name=cluster_events.step_failed.rule_name,
            cluster_end_rule_name=cluster_events.cluster_ended.rule_name,
        )
