"""What lasts: the key, the lake bucket, the catalog's raw table, and what was taken of it."""

from __future__ import annotations

from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.batch_table import BatchTable
from stacks.constructs.data_lake import DataLake
from stacks.constructs.lake_queries import LakeQueries
from stacks.pipeline_stack import PipelineStack
from tidelake.contract.deployment import Output


class StorageStack(PipelineStack):
    """The data lake, and the table of batches of it."""

    def __init__(self, scope: Construct, construct_id: str, *, config: EnvironmentConfig) -> None:
        super().__init__(
            scope, construct_id, config=config, description="tidelake: key, lake bucket, catalog"
        )
        self.lake = DataLake(
            self,
            "Lake",
            config=config.lake,
            source_backup_days=config.delivery.source_backup_days,
            audited=config.audit.data_events,
            removal=self.data_removal,
        )
        self.batches = BatchTable(self, "Batches", key=self.lake.key, removal=self.data_removal)
        LakeQueries(
            self,
            "Queries",
            workgroup=f"tidelake-{config.environment}",
            scan_limit_mib=config.lake.query_scan_limit_mib,
            lake=self.lake,
        )
        self.own_emptying_logs(self.lake.key)
        self.add_output(Output.LAKE_BUCKET, self.lake.bucket.bucket_name)
        self.add_output(Output.DATABASE, self.lake.catalog.database_name)
        self.add_output(Output.RAW_TABLE, self.lake.catalog.raw_table_name)
