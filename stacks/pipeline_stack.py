"""What the four stacks share: protection, removal policy, and outputs by contract."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.config import EnvironmentConfig
from stacks.constructs.emptying_logs import own_emptying_logs
from tidelake.contract.deployment import Output


class PipelineStack(cdk.Stack):
    """A stack of one environment; protected from deletion where the environment says so."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: EnvironmentConfig, description: str
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            termination_protection=config.termination_protection,
            synthesizer=cdk.DefaultStackSynthesizer(
                qualifier=config.deployment.bootstrap_qualifier
            ),
        )
        self.config = config
        boundary = config.deployment.permissions_boundary
        if boundary:
            iam.PermissionsBoundary.of(self).apply(
                iam.ManagedPolicy.from_managed_policy_name(self, "Boundary", boundary)
            )

    @property
    def data_removal(self) -> cdk.RemovalPolicy:
        """What becomes of data when its stack is deleted."""
        return cdk.RemovalPolicy.RETAIN if self.config.retain_data else cdk.RemovalPolicy.DESTROY

    def own_emptying_logs(self, key: kms.IKey) -> None:
        """Keep the log of CDK's emptying of buckets; to be called once these are there."""
        own_emptying_logs(
            self,
            retention_days=self.config.monitoring.log_retention_days,
            removal=self.data_removal,
            key=key,
        )

    def add_output(self, output: Output, value: str) -> None:
        """Publish `value` under the name that the rest of the project looks for."""
        cdk.CfnOutput(self, output.key, value=value)
