"""From a new raw object to a Spark step: rule, queue, dead letters, function."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.batch_table import BatchTable
from stacks.constructs.data_lake import DataLake
from stacks.constructs.pipeline_function import PipelineFunction
from stacks.constructs.spark_cluster import SparkCluster
from stacks.sections.trigger import TriggerConfig
from tidelake.contract import lake as layout
from tidelake.contract.deferral import QUEUE_RETENTION_SECONDS
from tidelake.contract.settings import StepTriggerSettings

_RETENTION = cdk.Duration.seconds(QUEUE_RETENTION_SECONDS)


class StepQueues(Construct):
    """The queue of what wants a step, and the one of what was given up on."""

    def __init__(self, scope: Construct, construct_id: str, *, config: TriggerConfig) -> None:
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
            visibility_timeout=cdk.Duration.seconds(config.visibility_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=config.attempts
            ),
        )

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Let a function ask for steps, and set aside what it gives up on."""
        for queue in (self.queue, self.dead_letters):
            queue.grant(grantee, "sqs:SendMessage")


class StepTrigger(Construct):
    """Gathers object events in a queue and hands them to the trigger function in batches.

    Each object version becomes part of one batch, and each attempt of a batch one step, whatever
    fails on the way; `lambda_src/step_trigger/trigger.py` says how.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: TriggerConfig,
        settings: StepTriggerSettings,
        lake: DataLake,
        batches: BatchTable,
        queues: StepQueues,
        cluster: SparkCluster,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self._listen(lake, queues)
        self.function = PipelineFunction(
            self,
            "Submit",
            package="step_trigger",
            shared=("batches",),
            description="tidelake: one Spark step for each batch of new raw objects",
            environment=settings.to_env(),
            timeout_seconds=config.timeout_seconds,
            memory_mib=config.memory_mib,
            log_retention_days=log_retention_days,
            log_removal=log_removal,
            key=lake.key,
        ).function
        lake.grant_write_manifests(self.function)
        batches.grant_keep_batches(self.function)
        cluster.grant_submit_steps(self.function)
        queues.dead_letters.grant(self.function, "sqs:SendMessage")
        self.function.add_event_source(
            sources.SqsEventSource(
                queues.queue,
                batch_size=config.batch_size,
                max_batching_window=cdk.Duration.seconds(config.batching_window_seconds),
                max_concurrency=config.concurrency,
                report_batch_item_failures=True,
            )
        )

    def _listen(self, lake: DataLake, queues: StepQueues) -> None:
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
            targets=[targets.SqsQueue(queues.queue, dead_letter_queue=queues.dead_letters)],
        )
