"""Delivery of the data stream into the lake's raw zone, as Parquet."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs
from constructs import Construct

from stacks.constructs.contract_transform import ContractTransform
from stacks.constructs.data_lake import DataLake
from stacks.constructs.service_logs import service_log_group
from stacks.constructs.stream_reading import grant_read_stream
from stacks.sections.delivery import DeliveryConfig
from tidelake.contract import lake as layout

_ADDRESSES = "@aws-cdk--aws-kinesisfirehose.CidrBlocks"


class ParquetDelivery(Construct):
    """A delivery stream that reads JSON records and writes Parquet by the raw table's schema.

    It writes at least once, below the hour of arrival of an object's oldest record. Records that
    are no JSON, do not fit the table, or were not let pass by `transform`, go to the error zone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeliveryConfig,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
        stream: kinesis.IStream,
        lake: DataLake,
        transform: ContractTransform | None,
    ) -> None:
        super().__init__(scope, construct_id)
        role = _delivery_role(self)
        logs = service_log_group(
            self, "Logs", retention_days=log_retention_days, removal=log_removal, key=lake.key
        )
        grant_read_stream(stream, role, lake.key)
        lake.grant_deliver(role)
        logs.grant_write(role)
        if transform is not None:
            transform.grant_invoke(role)
        backup = _source_backup(config, role=role, lake=lake, logs=logs)
        destination = firehose.S3Bucket(
            lake.bucket,
            # The grants above are narrower than those that the destination would add.
            role=role.without_policy_updates(),
            data_output_prefix=layout.RAW_DELIVERY_PREFIX,
            error_output_prefix=layout.ERROR_DELIVERY_PREFIX,
            buffering_interval=cdk.Duration.seconds(config.buffer_seconds),
            buffering_size=cdk.Size.mebibytes(config.buffer_mib),
            logging_config=firehose.EnableLogging(logs),
            s3_backup=backup,
            processors=None if transform is None else [transform.processor],
            data_format_conversion=firehose.DataFormatConversionProps(
                schema_configuration=firehose.SchemaConfiguration.from_cfn_table(
                    lake.catalog.raw_table
                ),
                input_format=firehose.InputFormat.OPENX_JSON,
                output_format=firehose.OutputFormat.PARQUET,
            ),
        )
        lake.catalog.grant_read_raw_schema(role)
        delivery_stream = firehose.DeliveryStream(
            self,
            "DeliveryStream",
            source=firehose.KinesisStreamSource(stream),
            destination=destination,
            role=role.without_policy_updates(),
        )
        # Firehose tries its role when the delivery stream is created.
        delivery_stream.node.add_dependency(role)
        # The L2 brings the addresses of Firehose, which only a private Redshift would need.
        cdk.Stack.of(self).node.try_remove_child(_ADDRESSES)
        self.stream_name = delivery_stream.delivery_stream_name


def _source_backup(
    config: DeliveryConfig, *, role: iam.IRole, lake: DataLake, logs: aws_logs.ILogGroup
) -> firehose.DestinationS3BackupProps | None:
    """A copy of every record as it came, by the hour and compressed, where it is asked for."""
    if not config.source_backup_days:
        return None
    lake.grant_keep_source(role)
    return firehose.DestinationS3BackupProps(
        mode=firehose.BackupMode.ALL,
        bucket=lake.bucket,
        data_output_prefix=layout.SOURCE_PREFIX,
        error_output_prefix=layout.ERROR_DELIVERY_PREFIX,
        compression=firehose.Compression.GZIP,
        buffering_interval=cdk.Duration.seconds(config.buffer_seconds),
        buffering_size=cdk.Size.mebibytes(config.buffer_mib),
        logging_config=firehose.EnableLogging(logs),
    )


def _delivery_role(scope: Construct) -> iam.Role:
    account = cdk.Stack.of(scope).account
    return iam.Role(
        scope,
        "Role",
        description="Firehose: from the data stream into the lake",
        assumed_by=iam.ServicePrincipal(
            "firehose.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        ),
    )
