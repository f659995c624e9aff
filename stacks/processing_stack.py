"""The way on: a cluster for Spark, the trigger that gives it steps, and what follows these."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.batch_following import BatchFollowing
from stacks.constructs.batch_table import BatchTable
from stacks.constructs.data_lake import DataLake
from stacks.constructs.maintenance_schedule import MaintenanceSchedule
from stacks.constructs.private_network import PrivateNetwork
from stacks.constructs.project_code import spark_job, spark_shared_code
from stacks.constructs.shared_id import SharedId
from stacks.constructs.spark_cluster import SparkCluster
from stacks.constructs.step_trigger import StepQueues, StepTrigger
from stacks.pipeline_stack import PipelineStack
from tidelake.contract.deployment import Output
from tidelake.contract.settings import StepTriggerSettings
from tidelake.contract.steps import AGGREGATE, BACKFILL, CURATE, MAINTAIN


class ProcessingStack(PipelineStack):
    """New raw objects become steps of an EMR cluster, which write the curated tables."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        lake: DataLake,
        batches: BatchTable,
        stream: kinesis.IStream,
    ) -> None:
        super().__init__(
            scope, construct_id, config=config, description="tidelake: Spark cluster and trigger"
        )
        network = PrivateNetwork(
            self, "Network", config=config.network, key=lake.key, log_removal=self.data_removal
        )
        if config.stream.endpoint_cidrs:
            network.add_stream_endpoint(stream, config.stream.endpoint_cidrs)
        cluster = SparkCluster(
            self,
            "Spark",
            config=config.cluster,
            network=network,
            lake=lake,
            tags=config.resource_tags,
        )
        queues = StepQueues(self, "Steps", config=config.trigger)
        parts: dict[str, Any] = {
            "config": config.trigger,
            "lake": lake,
            "batches": batches,
            "queues": queues,
            "cluster": cluster,
            "log_retention_days": config.monitoring.log_retention_days,
            "log_removal": self.data_removal,
        }
        settings = self._trigger_settings(lake, batches, queues, cluster)
        trigger = StepTrigger(self, "Trigger", settings=settings, **parts)
        following = BatchFollowing(self, "Batches", environment=config.environment, **parts)
        if config.maintenance.schedule:
            MaintenanceSchedule(
                self,
                "Maintenance",
                expression=config.maintenance.schedule,
                queue=queues.queue,
            )
        self.add_output(Output.BATCHES_TABLE, batches.table_name)
        self._name_parts(cluster, queues, trigger, following)

    def _trigger_settings(
        self, lake: DataLake, batches: BatchTable, queues: StepQueues, cluster: SparkCluster
    ) -> StepTriggerSettings:
        """What the trigger is told; the code that it names is what the cluster may fetch."""
        config = self.config
        job, shared_code = spark_job(self, "Job", CURATE), spark_shared_code(self, "SharedCode")
        maintain = spark_job(self, "Maintain", MAINTAIN) if config.maintenance.schedule else None
        backfill = spark_job(self, "Backfill", BACKFILL)
        aggregate = spark_job(self, "Aggregate", AGGREGATE)
        for code in (job, shared_code, maintain, backfill, aggregate):
            if code is not None:
                cluster.run_from(code)
        self.add_output(Output.JOB_URL, job.s3_object_url)
        self.add_output(Output.BACKFILL_URL, backfill.s3_object_url)
        self.add_output(Output.AGGREGATE_URL, aggregate.s3_object_url)
        self.add_output(Output.SHARED_CODE_URL, shared_code.s3_object_url)
        return StepTriggerSettings(
            environment=config.environment,
            lake_bucket=lake.bucket.bucket_name,
            batches_table=batches.table_name,
            queue_url=queues.queue.queue_url,
            dead_letters_url=queues.dead_letters.queue_url,
            cluster_id="" if cluster.cluster_id is None else cluster.cluster_id,
            cluster_name=cluster.name,
            launch_parameter=cluster.launch_parameter,
            job_uri=job.s3_object_url,
            maintain_uri="" if maintain is None else maintain.s3_object_url,
            py_files_uri=shared_code.s3_object_url,
            database=lake.catalog.database_name,
            target_file_mib=config.maintenance.target_file_mib,
            snapshot_days=config.maintenance.snapshot_days,
            orphan_hours=config.maintenance.orphan_hours,
            lease_seconds=config.trigger.lease_seconds,
            claim_days=config.trigger.claim_days,
            most_active_steps=config.trigger.most_active_steps,
            longest_deferral_seconds=config.trigger.longest_deferral_seconds,
        )

    def _name_parts(
        self,
        cluster: SparkCluster,
        queues: StepQueues,
        trigger: StepTrigger,
        following: BatchFollowing,
    ) -> None:
        self.add_output(Output.TRIGGER_FUNCTION, trigger.function.function_name)
        self.add_output(Output.TRIGGER_QUEUE, queues.queue.queue_url)
        self.add_output(Output.TRIGGER_DEAD_LETTERS, queues.dead_letters.queue_url)
        shared = {
            SharedId.TRIGGER_FUNCTION: trigger.function.function_name,
            SharedId.OUTCOME_FUNCTION: following.outcome.function_name,
            SharedId.SWEEP_FUNCTION: following.sweep.function_name,
            SharedId.TRIGGER_QUEUE: queues.queue.queue_name,
            SharedId.TRIGGER_DEAD_LETTERS: queues.dead_letters.queue_name,
        }
        if cluster.cluster_id is not None:
            self.add_output(Output.CLUSTER, cluster.cluster_id)
            shared[SharedId.CLUSTER] = cluster.cluster_id
        for shared_id, value in shared.items():
            shared_id.publish(self, self.config.environment, value)
