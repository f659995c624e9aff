"""The four stacks of one environment, and who is handed what."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.ingestion_stack import IngestionStack
from stacks.monitoring_stack import MonitoringStack
from stacks.processing_stack import ProcessingStack
from stacks.storage_stack import StorageStack
from tidelake.contract.deployment import StackRole


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One environment's stacks. They name no account and no region: both come at deployment."""

    storage: StorageStack
    ingestion: IngestionStack
    processing: ProcessingStack
    monitoring: MonitoringStack

    @classmethod
    def build(cls, scope: Construct, config: EnvironmentConfig) -> Pipeline:
        """Compose the stacks in the order in which they are deployed."""
        name = config.environment
        storage = StorageStack(scope, StackRole.STORAGE.stack_name(name), config=config)
        ingestion = IngestionStack(
            scope, StackRole.INGESTION.stack_name(name), config=config, lake=storage.lake
        )
        processing = ProcessingStack(
            scope,
            StackRole.PROCESSING.stack_name(name),
            config=config,
            lake=storage.lake,
            batches=storage.batches,
            stream=ingestion.stream,
        )
        monitoring = MonitoringStack(
            scope,
            StackRole.MONITORING.stack_name(name),
            config=config,
            key=storage.lake.key,
            stream=ingestion.stream,
        )
        # What the dashboards and alarms watch is told through parameters, which are no
        # references, so the order has to be said.
        monitoring.add_stack_dependency(ingestion)
        monitoring.add_stack_dependency(processing)
        _tag(scope, config)
        return cls(
            storage=storage, ingestion=ingestion, processing=processing, monitoring=monitoring
        )


def _tag(scope: Construct, config: EnvironmentConfig) -> None:
    for key, value in config.resource_tags.items():
        cdk.Tags.of(scope).add(key, value)
