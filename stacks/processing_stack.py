"""The way on: a cluster for Spark, and the trigger that gives it steps."""

from __future__ import annotations

from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.data_lake import DataLake
from stacks.constructs.private_network import PrivateNetwork
from stacks.constructs.project_code import spark_job, spark_shared_code
from stacks.constructs.shared_id import SharedId
from stacks.constructs.spark_cluster import SparkCluster
from stacks.constructs.step_trigger import StepTrigger
from stacks.pipeline_stack import PipelineStack
from tidelake.contract.deployment import Output
from tidelake.contract.settings import StepTriggerSettings

_JOB = "curate"


class ProcessingStack(PipelineStack):
    """New raw objects become steps of an EMR cluster, which write the curated tables."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        lake: DataLake,
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
        cluster = SparkCluster(self, "Spark", config=config.cluster, network=network, lake=lake)
        job = spark_job(self, "Job", _JOB)
        shared_code = spark_shared_code(self, "SharedCode")
        cluster.run_from(job)
        cluster.run_from(shared_code)
        trigger = StepTrigger(
            self,
            "Trigger",
            config=config.trigger,
            settings=StepTriggerSettings(
                environment=config.environment,
                cluster_id=cluster.cluster_id,
                lake_bucket=lake.bucket.bucket_name,
                job_uri=job.s3_object_url,
                py_files_uri=shared_code.s3_object_url,
                database=lake.catalog.database_name,
            ),
            lake=lake,
            cluster=cluster,
            log_retention_days=config.monitoring.log_retention_days,
            log_removal=self.data_removal,
        )
        self.add_output(Output.JOB_URL, job.s3_object_url)
        self.add_output(Output.SHARED_CODE_URL, shared_code.s3_object_url)
        self._name_parts(cluster, trigger)

    def _name_parts(self, cluster: SparkCluster, trigger: StepTrigger) -> None:
        self.add_output(Output.CLUSTER, cluster.cluster_id)
        self.add_output(Output.TRIGGER_FUNCTION, trigger.function.function_name)
        self.add_output(Output.TRIGGER_QUEUE, trigger.queue.queue_url)
        self.add_output(Output.TRIGGER_DEAD_LETTERS, trigger.dead_letters.queue_url)
        for shared_id, value in (
            (SharedId.CLUSTER, cluster.cluster_id),
            (SharedId.TRIGGER_FUNCTION, trigger.function.function_name),
            (SharedId.TRIGGER_QUEUE, trigger.queue.queue_name),
            (SharedId.TRIGGER_DEAD_LETTERS, trigger.dead_letters.queue_name),
        ):
            shared_id.publish(self, self.config.environment, value)
