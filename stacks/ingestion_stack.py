"""The way in: data stream, delivery to the lake, and the client that sends."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.audit_trail import AuditTrail
from stacks.constructs.contract_transform import ContractTransform
from stacks.constructs.data_lake import DataLake
from stacks.constructs.parquet_delivery import ParquetDelivery
from stacks.constructs.project_code import client_code
from stacks.constructs.shared_id import SharedId
from stacks.constructs.stream_counter import StreamCounter
from stacks.pipeline_stack import PipelineStack
from stacks.sections.stream import DEFAULT_RECORD_KIB, StreamConfig
from tidelake.contract.deployment import Output


class IngestionStack(PipelineStack):
    """Events come in on a Kinesis data stream; Firehose lands them as Parquet."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EnvironmentConfig,
        lake: DataLake,
    ) -> None:
        super().__init__(
            scope, construct_id, config=config, description="tidelake: data stream and delivery"
        )
        self.stream = _data_stream(self, config.stream, lake=lake, removal=self.data_removal)
        if config.delivery.enabled:
            self._deliver_to(lake)
        if config.consumer_function.enabled:
            self._count_events(lake)
        if config.audit.data_events:
            AuditTrail(
                self,
                "Audit",
                config=config.audit,
                stream=self.stream,
                lake=lake,
                removal=self.data_removal,
            )
        self.own_emptying_logs(lake.key)
        self.add_output(Output.STREAM, self.stream.stream_name)
        self.add_output(Output.CLIENT_URL, client_code(self, "ClientCode").s3_object_url)

    def _count_events(self, lake: DataLake) -> None:
        counter = StreamCounter(
            self,
            "Counter",
            config=self.config.consumer_function,
            environment=self.config.environment,
            stream=self.stream,
            log_retention_days=self.config.monitoring.log_retention_days,
            log_removal=self.data_removal,
            key=lake.key,
        )
        for shared_id, value in (
            (SharedId.COUNTER_FUNCTION, counter.function.function_name),
            (SharedId.COUNTER_FAILURES, counter.failures.queue_name),
        ):
            shared_id.publish(self, self.config.environment, value)

    def _deliver_to(self, lake: DataLake) -> None:
        environment, delivery = self.config.environment, self.config.delivery
        log_retention_days = self.config.monitoring.log_retention_days
        transform = None
        if delivery.transform:
            transform = ContractTransform(
                self,
                "Transform",
                config=delivery,
                environment=environment,
                log_retention_days=log_retention_days,
                log_removal=self.data_removal,
                key=lake.key,
            )
            SharedId.TRANSFORM_FUNCTION.publish(self, environment, transform.function.function_name)
        stream_name = ParquetDelivery(
            self,
            "Delivery",
            config=delivery,
            log_retention_days=log_retention_days,
            log_removal=self.data_removal,
            stream=self.stream,
            lake=lake,
            transform=transform,
        ).stream_name
        SharedId.DELIVERY_STREAM.publish(self, environment, stream_name)
        self.add_output(Output.DELIVERY_STREAM, stream_name)


def _data_stream(
    scope: Construct, config: StreamConfig, *, lake: DataLake, removal: cdk.RemovalPolicy
) -> kinesis.Stream:
    provisioned = config.mode == "provisioned"
    stream = kinesis.Stream(
        scope,
        "DataStream",
        stream_mode=(
            kinesis.StreamMode.PROVISIONED if provisioned else kinesis.StreamMode.ON_DEMAND
        ),
        shard_count=config.shards if provisioned else None,
        retention_period=cdk.Duration.hours(config.retention_hours),
        encryption=kinesis.StreamEncryption.KMS,
        encryption_key=lake.key,
        shard_level_metrics=[
            kinesis.ShardLevelMetrics[_constant_name(metric)]
            for metric in config.shard_level_metrics
        ],
        removal_policy=removal,
    )
    if config.maximum_record_kib > DEFAULT_RECORD_KIB:
        resource = stream.node.default_child
        assert isinstance(resource, kinesis.CfnStream)  # noqa: S101 - narrows the type
        resource.max_record_size_in_kib = config.maximum_record_kib
    for name in config.consumers:
        kinesis.CfnStreamConsumer(
            stream, f"Consumer-{name}", consumer_name=name, stream_arn=stream.stream_arn
        )
    return stream


def _constant_name(metric: str) -> str:
    """`IncomingBytes` -> `INCOMING_BYTES`."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in metric).lstrip("_")
