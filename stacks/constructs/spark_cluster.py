"""The EMR cluster that runs Spark steps, with roles of its own."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_emr as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.constructs.cluster_capacity import cluster_instances, managed_scaling
from stacks.constructs.cluster_roles import (
    grant_encrypt_disks,
    node_role,
    scaling_role,
    service_role,
)
from stacks.constructs.cluster_security import security_configuration
from stacks.constructs.data_lake import DataLake
from stacks.constructs.private_network import PrivateNetwork
from stacks.constructs.spark_settings import cluster_configurations
from stacks.emr_releases import RELEASES
from stacks.sections.cluster import ClusterConfig
from tidelake.contract import lake as layout
from tidelake.contract.network import EMR_POLICY_TAG


class SparkCluster(Construct):
    """A persistent cluster. Its nodes reach the lake by zone, the catalog, and what they run.

    It does not end itself: a step for a cluster that is gone would wait until someone deploys.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: ClusterConfig,
        network: PrivateNetwork,
        lake: DataLake,
    ) -> None:
        super().__init__(scope, construct_id)
        release = RELEASES[config.release_label]
        self._node_role = node_role(self, certificates_uri=config.certificates_uri)
        lake.grant_process(self._node_role)
        grant_encrypt_disks(lake.key, self._node_role)
        service = service_role(self, self._node_role, lake.key)
        profile = iam.InstanceProfile(self, "NodeProfile", role=self._node_role)
        security = security_configuration(
            self, "Security", key=lake.key, certificates_uri=config.certificates_uri
        )
        own_rules = config.scaling == "yarn_memory" and config.scales
        cluster = emr.CfnCluster(
            self,
            "Cluster",
            name=cdk.Stack.of(self).stack_name,
            release_label=config.release_label,
            applications=[
                emr.CfnCluster.ApplicationProperty(name=name) for name in release.applications
            ],
            configurations=cluster_configurations(lake.bucket, python=release.python),
            instances=cluster_instances(config, network),
            managed_scaling_policy=managed_scaling(config),
            auto_scaling_role=scaling_role(self).role_name if own_rules else None,
            security_configuration=security.ref,
            job_flow_role=profile.instance_profile_name,
            service_role=service.role_name,
            log_uri=lake.bucket.s3_url_for_object(layout.EMR_LOG_PREFIX),
            step_concurrency_level=config.step_concurrency,
            visible_to_all_users=True,
        )
        cdk.Tags.of(cluster).add(*EMR_POLICY_TAG)
        if release.experimental:
            cdk.Annotations.of(cluster).add_warning_v2(
                "tidelake:experimental-release",
                f"{config.release_label} is experimental: the job is tried on Spark "
                f"{release.spark}, and not yet on this release.",
            )
        if own_rules:
            cdk.Validations.of(cluster).acknowledge(
                cdk.Acknowledgment(
                    id="CloudFormation-Validate::E1029",
                    reason="${emr.clusterId} is EMR's own placeholder, not CloudFormation's.",
                )
            )
        # Nodes that start before these are there cannot fetch what they need.
        cluster.node.add_dependency(network, self._node_role, service)
        self.cluster_id = cluster.ref

    @property
    def cluster_arn(self) -> str:
        return cdk.Stack.of(self).format_arn(
            service="elasticmapreduce", resource="cluster", resource_name=self.cluster_id
        )

    def run_from(self, code: assets.Asset) -> None:
        """Let the nodes fetch code that their steps name."""
        # The asset's own grant would open the whole bucket that all assets of the account share.
        iam.Grant.add_to_principal(
            grantee=self._node_role,
            actions=["s3:GetObject"],
            resource_arns=[code.bucket.arn_for_objects(code.s3_object_key)],
        )

    def grant_submit_steps(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let the grantee add steps to this cluster, and look up those it has."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:ListSteps"],
            resource_arns=[self.cluster_arn],
        )
