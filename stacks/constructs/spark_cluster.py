"""The EMR cluster that runs Spark steps, with roles of its own."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_emr as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.config import ClusterConfig
from stacks.constructs.data_lake import DataLake
from stacks.constructs.private_network import EMR_POLICY_TAG, PrivateNetwork
from stacks.constructs.spark_settings import cluster_configurations
from tidelake.contract import lake as layout

_APPLICATIONS = ("Hadoop", "Hive", "Spark")


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
        self._node_role = _node_role(self)
        lake.grant_process(self._node_role)
        service_role = _service_role(self, self._node_role)
        profile = iam.InstanceProfile(self, "NodeProfile", role=self._node_role)
        cluster = emr.CfnCluster(
            self,
            "Cluster",
            name=cdk.Stack.of(self).stack_name,
            release_label=config.release_label,
            applications=[emr.CfnCluster.ApplicationProperty(name=name) for name in _APPLICATIONS],
            configurations=cluster_configurations(lake.bucket),
            instances=_instances(config, network),
            managed_scaling_policy=_managed_scaling(config),
            job_flow_role=profile.instance_profile_name,
            service_role=service_role.role_name,
            log_uri=lake.bucket.s3_url_for_object(layout.EMR_LOG_PREFIX),
            step_concurrency_level=config.step_concurrency,
            visible_to_all_users=True,
        )
        cdk.Tags.of(cluster).add(*EMR_POLICY_TAG)
        # Nodes that start before these are there cannot fetch what they need.
        cluster.node.add_dependency(network, self._node_role, service_role)
        self.cluster_id = cluster.ref

    @property
    def cluster_arn(self) -> str:
        return cdk.Stack.of(self).format_arn(
            service="elasticmapreduce", resource="cluster", resource_name=self.cluster_id
        )

    def run_from(self, code: assets.Asset) -> None:
        """Let the nodes fetch code that their steps name."""
        # The asset's own grant would open the whole bucket that all assets of the account share.
        code.bucket.grant_read(self._node_role, code.s3_object_key)

    def grant_submit_steps(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let the grantee add steps to this cluster, and look up those it has."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:ListSteps"],
            resource_arns=[self.cluster_arn],
        )


def _node_role(scope: Construct) -> iam.Role:
    role = iam.Role(
        scope,
        "NodeRole",
        description="EMR nodes: Spark on the lake, and sessions through Systems Manager",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("AmazonSSMManagedInstanceCore")
        ],
    )
    stack = cdk.Stack.of(scope)
    role.add_to_policy(
        iam.PolicyStatement(
            sid="FetchEmrPrograms",
            actions=["s3:GetObject"],
            resources=[f"arn:{stack.partition}:s3:::{stack.region}.elasticmapreduce/*"],
        )
    )
    return role


def _service_role(scope: Construct, node_role: iam.Role) -> iam.Role:
    stack = cdk.Stack.of(scope)
    clusters = stack.format_arn(service="elasticmapreduce", resource="*")
    role = iam.Role(
        scope,
        "ServiceRole",
        description="EMR: starts and ends the cluster's nodes",
        assumed_by=iam.ServicePrincipal(
            "elasticmapreduce.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": clusters},
            },
        ),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonEMRServicePolicy_v2")
        ],
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="GiveNodesTheirRole",
            actions=["iam:PassRole"],
            resources=[node_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        )
    )
    return role


def _instances(
    config: ClusterConfig, network: PrivateNetwork
) -> emr.CfnCluster.JobFlowInstancesConfigProperty:
    volumes = emr.CfnCluster.EbsConfigurationProperty(
        ebs_block_device_configs=[
            emr.CfnCluster.EbsBlockDeviceConfigProperty(
                volume_specification=emr.CfnCluster.VolumeSpecificationProperty(
                    size_in_gb=config.volume_gib, volume_type="gp3"
                )
            )
        ]
    )
    return emr.CfnCluster.JobFlowInstancesConfigProperty(
        master_instance_group=emr.CfnCluster.InstanceGroupConfigProperty(
            name="primary",
            market="ON_DEMAND",
            instance_type=config.primary_instance_type,
            instance_count=1,
            ebs_configuration=volumes,
        ),
        core_instance_group=emr.CfnCluster.InstanceGroupConfigProperty(
            name="core",
            market="ON_DEMAND",
            instance_type=config.core_instance_type,
            instance_count=config.core_instances,
            ebs_configuration=volumes,
        ),
        ec2_subnet_id=network.subnet.subnet_id,
        emr_managed_master_security_group=network.primary_group.security_group_id,
        emr_managed_slave_security_group=network.core_group.security_group_id,
        service_access_security_group=network.service_group.security_group_id,
        keep_job_flow_alive_when_no_steps=True,
        termination_protected=config.termination_protection,
    )


def _managed_scaling(
    config: ClusterConfig,
) -> emr.CfnCluster.ManagedScalingPolicyProperty | None:
    if config.maximum_instances == config.core_instances:
        return None
    return emr.CfnCluster.ManagedScalingPolicyProperty(
        compute_limits=emr.CfnCluster.ComputeLimitsProperty(
            unit_type="Instances",
            minimum_capacity_units=config.core_instances,
            maximum_capacity_units=config.maximum_instances,
        )
    )
