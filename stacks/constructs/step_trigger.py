"""From a new raw object to a Spark step: rule, queue, dead letters, function."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.data_lake import DataLake
from stacks.constructs.pipeline_function import PipelineFunction
from stacks.constructs.spark_cluster import SparkCluster
from stacks.sections.trigger import TriggerConfig
from tidelake.contract import lake as layout
from tidelake.contract.settings import StepTriggerSettings

_RETENTION = cdk.Duration.days(14)
_VISIBILITY_TIMEOUTS = 6
"""How many times the function's limit a message stays hidden, as Lambda's guide recommends."""


class StepTrigger(Construct):
    """Gathers object events in a queue and hands them to the trigger function in batches.

    An event is handled at least once; after `attempts` receives it becomes a dead letter.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: TriggerConfig,
        settings: StepTriggerSettings,
        lake: DataLake,
        cluster: SparkCluster,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
            visibility_timeout=cdk.Duration.seconds(
                _VISIBILITY_TIMEOUTS * config.timeout_seconds + config.batching_window_seconds
            ),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=config.attempts
            ),
        )
        self._listen(lake)
        self.function = PipelineFunction(
            self,
            "Submit",
            package="step_trigger",
            description="tidelake: one Spark step for each batch of new raw objects",
            environment=settings.to_env(),
            timeout_seconds=config.timeout_seconds,
            memory_mib=config.memory_mib,
            log_retention_days=log_retention_days,
            log_removal=log_removal,
            key=lake.key,
        ).function
        lake.grant_write_manifests(self.function)
        cluster.grant_submit_steps(self.function)
        self.function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=config.batch_size,
                max_batching_window=cdk.Duration.seconds(config.batching_window_seconds),
                report_batch_item_failures=True,
            )
        )

    def _listen(self, lake: DataLake) -> None:
        events.Rule(
            self,
            "NewRawObject",
            description="tidelake: an object came into the raw zone",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [lake.bucket.bucket_name]},
                    "object": {"key": [{"prefix": layout.RAW_PREFIX}]},
                },
            ),
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)],
        )
