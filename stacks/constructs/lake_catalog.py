"""The Glue database, and the table over the raw zone."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.sections.lake import LakeConfig
from tidelake.contract import lake
from tidelake.contract.schema import raw_fields

_CHANGES = ("glue:CreateTable", "glue:DeleteTable", "glue:UpdateTable")
_PARQUET_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_PARQUET_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
_PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


class LakeCatalog(Construct):
    """The database with its raw table. Spark adds the curated tables itself, and owns them.

    Partitions are projected, not registered: a query sees a new hour at once, and no crawler runs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: LakeConfig,
        bucket: s3.IBucket,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.database_name = config.database_name
        self.raw_table_name = config.raw_table_name
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=stack.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=config.database_name, description="tidelake: raw and curated events"
            ),
        )
        self.raw_table = glue.CfnTable(
            self,
            "RawTable",
            catalog_id=stack.account,
            database_name=config.database_name,
            table_input=_raw_table(config, bucket),
        )
        self.raw_table.add_resource_dependency(database)
        for resource in (database, self.raw_table):
            resource.apply_removal_policy(_catalog_removal(removal))

    def grant_read_raw_schema(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a delivery stream look up the columns of the raw table."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            resource_arns=self._arns(self.raw_table_name),
        )

    def grant_manage_tables(self, grantee: iam.IGrantable) -> None:
        """Let an engine create, commit to, and drop tables of this database but for the raw one.

        The raw table is CloudFormation's, and its columns are what deliveries are converted by.
        """
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["glue:GetDatabase", "glue:GetTable", "glue:GetTables", *_CHANGES],
            resource_arns=self._arns("*"),
        )
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                sid="KeepRawTable",
                effect=iam.Effect.DENY,
                actions=list(_CHANGES),
                resources=self._arns(self.raw_table_name)[-1:],
            )
        )

    def _arns(self, table: str) -> list[str]:
        stack = cdk.Stack.of(self)
        names = {
            "database": self.database_name,
            "table": f"{self.database_name}/{table}",
        }
        return [
            stack.format_arn(service="glue", resource="catalog"),
            *(
                stack.format_arn(service="glue", resource=resource, resource_name=name)
                for resource, name in names.items()
            ),
        ]


def _catalog_removal(removal: cdk.RemovalPolicy) -> cdk.RemovalPolicy:
    """Where data is retained, so is the catalog: a database goes with every table in it.

    A first deployment that fails still takes back what it made, whose fixed names would be in the
    way of the next.
    """
    if removal is cdk.RemovalPolicy.RETAIN:
        return cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    return removal


def _raw_table(config: LakeConfig, bucket: s3.IBucket) -> glue.CfnTable.TableInputProperty:
    return glue.CfnTable.TableInputProperty(
        name=config.raw_table_name,
        description="Events as they were delivered, by hour of arrival; duplicates possible.",
        table_type="EXTERNAL_TABLE",
        parameters={
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            **_projection(config),
        },
        partition_keys=[
            glue.CfnTable.ColumnProperty(name=name, type="string")
            for name in lake.RAW_PARTITION_COLUMNS
        ],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            columns=[
                glue.CfnTable.ColumnProperty(
                    name=field.name, type=field.type.value, comment=field.description
                )
                for field in raw_fields()
            ],
            location=bucket.s3_url_for_object(lake.RAW_PREFIX),
            input_format=_PARQUET_INPUT,
            output_format=_PARQUET_OUTPUT,
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=_PARQUET_SERDE),
        ),
    )


def _projection(config: LakeConfig) -> dict[str, str]:
    """Athena's table properties for partitions that are computed, not looked up."""
    ranges = {
        "year": (f"{config.first_year},{config.last_year}", 4),
        "month": ("1,12", 2),
        "day": ("1,31", 2),
        "hour": ("0,23", 2),
    }
    parameters = {"projection.enabled": "true"}
    for column in lake.RAW_PARTITION_COLUMNS:
        values, digits = ranges[column]
        parameters[f"projection.{column}.type"] = "integer"
        parameters[f"projection.{column}.range"] = values
        parameters[f"projection.{column}.digits"] = str(digits)
    return parameters
