"""What follows each batch to its end: a function on EMR's events, and a sweep on a schedule."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.batch_table import BatchTable
from stacks.constructs.data_lake import DataLake
from stacks.constructs.pipeline_function import PipelineFunction
from stacks.constructs.spark_cluster import SparkCluster
from stacks.constructs.step_trigger import StepQueues
from stacks.sections.trigger import TriggerConfig
from tidelake.contract.settings import StepOutcomeSettings, SweepSettings
from tidelake.contract.steps import name_prefix

_TIMEOUT_SECONDS = 60
_SWEEP_SECONDS = 300


class BatchFollowing(Construct):
    """Marks batches done, or has them tried again, halved, or set aside.

    EMR sends its events at best effort, so the sweep looks after every batch as well, and for
    objects that no batch has.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: TriggerConfig,
        environment: str,
        lake: DataLake,
        batches: BatchTable,
        queues: StepQueues,
        cluster: SparkCluster,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        common: dict[str, Any] = {
            "shared": ("batches",),
            "memory_mib": config.memory_mib,
            "log_retention_days": log_retention_days,
            "log_removal": log_removal,
            "key": lake.key,
        }
        settings = StepOutcomeSettings(
            environment=environment,
            lake_bucket=lake.bucket.bucket_name,
            batches_table=batches.table_name,
            queue_url=queues.queue.queue_url,
            dead_letters_url=queues.dead_letters.queue_url,
            cluster_name=cluster.name,
            most_failures=config.step_attempts,
            retry_seconds=config.retry_seconds,
            claim_days=config.claim_days,
        )
        self.outcome = PipelineFunction(
            self,
            "Outcome",
            package="step_outcome",
            description="tidelake: follows each batch as EMR tells of steps and clusters",
            environment=settings.to_env(),
            timeout_seconds=_TIMEOUT_SECONDS,
            **common,
        ).function
        sweep_settings = SweepSettings(
            **asdict(settings),
            look_back_hours=config.look_back_hours,
            forgotten_minutes=config.forgotten_minutes,
            overdue_minutes=config.overdue_minutes,
        )
        self.sweep = PipelineFunction(
            self,
            "Sweep",
            package="sweep",
            description="tidelake: looks for ended steps and forgotten objects",
            environment=sweep_settings.to_env(),
            timeout_seconds=_SWEEP_SECONDS,
            **common,
        ).function
        for function in (self.outcome, self.sweep):
            lake.grant_follow_batches(function)
            batches.grant_keep_batches(function)
            queues.grant_send(function)
            cluster.grant_follow_steps(function)
        lake.grant_list_versions(self.sweep)
        self._listen(cluster.name, environment)
        _every(self, config.sweep_minutes, self.sweep)

    def _listen(self, cluster_name: str, environment: str) -> None:
        """By names, not by the cluster's id: one that was replaced has steps to tell of, too."""
        target = targets.LambdaFunction(self.outcome)
        events.Rule(
            self,
            "StepEnded",
            description="tidelake: a Spark step ended",
            event_pattern=events.EventPattern(
                source=["aws.emr"],
                detail_type=["EMR Step Status Change"],
                detail={
                    "name": [{"prefix": name_prefix(environment)}],
                    "state": ["COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"],
                },
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "ClusterEnded",
            description="tidelake: a cluster of this environment ended",
            event_pattern=events.EventPattern(
                source=["aws.emr"],
                detail_type=["EMR Cluster State Change"],
                detail={
                    "name": [cluster_name],
                    "state": ["TERMINATED", "TERMINATED_WITH_ERRORS"],
                },
            ),
            targets=[target],
        )


def _every(scope: Construct, minutes: int, function: lambda_.IFunction) -> None:
    events.Rule(
        scope,
        "SweepSchedule",
        description="tidelake: unfinished batches and forgotten objects are looked for",
        schedule=events.Schedule.rate(cdk.Duration.minutes(minutes)),
        targets=[targets.LambdaFunction(function)],
    )
