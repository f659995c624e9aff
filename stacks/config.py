"""What may be configured, for one environment: the only reader of the CDK context.

`cdk.json` holds one object for each environment under `context.environments`; what it leaves out
has the default stated in its section. Limits are those of AWS's service models and documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from constructs import Node

from stacks.options import option, parse
from stacks.sections.account import DeploymentConfig, TagsConfig
from stacks.sections.cluster import ClusterConfig
from stacks.sections.consumer_function import ConsumerFunctionConfig
from stacks.sections.delivery import DeliveryConfig
from stacks.sections.lake import LakeConfig
from stacks.sections.maintenance import MaintenanceConfig
from stacks.sections.monitoring import AuditConfig, MonitoringConfig
from stacks.sections.network import NetworkConfig
from stacks.sections.stream import DEFAULT_RECORD_KIB, StreamConfig
from stacks.sections.trigger import TriggerConfig
from tidelake.contract.errors import ConfigurationError

DEFAULT_ENVIRONMENT = "dev"


@dataclass(frozen=True, kw_only=True)
class EnvironmentConfig:
    """Everything that one environment's stacks are told."""

    environment: str
    """`local`, `dev`, `prod`, or another name that `cdk.json` gives."""

    retain_data: bool = option(
        False,
        "Whether data outlives its stack. If not, destroying the stack empties the lake bucket.",
    )
    termination_protection: bool = option(
        False, "Whether CloudFormation refuses to delete the stacks."
    )
    stream: StreamConfig = field(default_factory=StreamConfig)
    consumer_function: ConsumerFunctionConfig = field(default_factory=ConsumerFunctionConfig)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    lake: LakeConfig = field(default_factory=LakeConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    trigger: TriggerConfig = field(default_factory=TriggerConfig)
    maintenance: MaintenanceConfig = field(default_factory=MaintenanceConfig)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    deployment: DeploymentConfig = field(default_factory=DeploymentConfig)
    tags: TagsConfig = field(default_factory=TagsConfig)

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if self.delivery.enabled and self.stream.maximum_record_kib > DEFAULT_RECORD_KIB:
            allowed = (
                f"{DEFAULT_RECORD_KIB} where delivery.enabled is true: Firehose takes no record "
                "above 1,000 KiB"
            )
            yield "stream.maximum_record_kib", self.stream.maximum_record_kib, allowed

    @property
    def resource_tags(self) -> dict[str, str]:
        """The tags of everything that can bear them."""
        return {
            "Project": self.tags.project,
            "Environment": self.environment,
            "CostCenter": self.tags.cost_center,
            "Owner": self.tags.owner,
        }

    @classmethod
    def from_context(cls, node: Node) -> EnvironmentConfig:
        """Read the environment that `-c environment=NAME` chose, `dev` if none was.

        Raises ConfigurationError, with the full key, for whatever is not allowed.
        """
        chosen = node.try_get_context("environment")
        environments = node.try_get_context("environments")
        return cls.from_values(DEFAULT_ENVIRONMENT if chosen is None else chosen, environments)

    @classmethod
    def from_values(cls, environment: object, environments: object) -> EnvironmentConfig:
        """The configuration named `environment` out of plain values for all of them."""
        if not isinstance(environments, Mapping):
            raise ConfigurationError("environments", environments, "an object of environments")
        if not isinstance(environment, str) or environment not in environments:
            known = ", ".join(environments)
            raise ConfigurationError("environment", environment, f"one of {known}")
        # The name becomes part of every stack's name.
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", environment):
            allowed = "a lowercase letter, then up to 31 lowercase letters, digits and hyphens"
            raise ConfigurationError("environment", environment, allowed)
        key = f"environments.{environment}"
        return parse(cls, environments[environment], key, environment=environment)
