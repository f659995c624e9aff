"""The EMR cluster that runs Spark steps, with roles of its own: there, or launched on demand."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.constructs.cluster_capacity import cluster_instances, managed_scaling
from stacks.constructs.cluster_roles import (
    create_linked_role,
    grant_encrypt_disks,
    node_role,
    pass_role,
    scaling_role,
    service_role,
)
from stacks.constructs.cluster_security import security_configuration
from stacks.constructs.cluster_spec import ClusterSpec
from stacks.constructs.data_lake import DataLake
from stacks.constructs.private_network import PrivateNetwork
from stacks.constructs.spark_settings import cluster_configurations
from stacks.emr_releases import RELEASES
from stacks.linter_acknowledgments import EMR_PLACEHOLDER
from stacks.sections.cluster import ClusterConfig
from tidelake.contract import lake as layout
from tidelake.contract.network import EMR_POLICY_TAG

_EMR = "elasticmapreduce.amazonaws.com"
_ADD_STEPS = ("elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:DescribeCluster")
_TAG = "aws:ResourceTag/Environment"
_REQUESTED_TAG = "aws:RequestTag/Environment"


class SparkCluster(Construct):
    """One description of a cluster. Its nodes reach the lake by zone, the catalog, and their code.

    A persistent one is the stack's and does not end itself: a step for a cluster that is gone would
    wait until someone deploys. One on demand is the trigger's, which reads how to launch it from
    `launch_parameter`; it ends itself when it is idle. Both go by `name`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: ClusterConfig,
        network: PrivateNetwork,
        lake: DataLake,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = cdk.Stack.of(self).stack_name
        self._environment = tags["Environment"]
        self._node_role = node_role(self, certificates_uri=config.certificates_uri)
        lake.grant_process(self._node_role)
        grant_encrypt_disks(lake.key, self._node_role)
        self._scaling_role = scaling_role(self) if config.scales_by_memory else None
        self._service_role = service_role(
            self,
            self._node_role,
            lake.key,
            rules=self._scaling_role,
            spot=config.task_instances > 0,
        )
        spec = self._spec(config, network, lake)
        _warn_of_experiments(self, config.release_label)
        self.cluster_id: str | None = None
        self._launch: ssm.StringParameter | None = None
        if config.on_demand:
            request = spec.launch_request(
                self,
                idle_seconds=config.idle_minutes * 60,
                tags={**tags, EMR_POLICY_TAG[0]: EMR_POLICY_TAG[1]},
            )
            self._launch = ssm.StringParameter(
                self,
                "Launch",
                description="tidelake: how the trigger launches a cluster (RunJobFlow)",
                string_value=request,
                # Above 4 KiB a parameter is an advanced one, of up to 8 KiB.
                tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            )
            self._launch.node.add_dependency(network, self._node_role, self._service_role)
        else:
            self.cluster_id = self._persistent(spec, network)

    @property
    def launch_parameter(self) -> str:
        """Name of the parameter with the launch; empty for a persistent cluster."""
        return "" if self._launch is None else self._launch.parameter_name

    def run_from(self, code: assets.Asset) -> None:
        """Let the nodes fetch code that their steps name."""
        # The asset's own grant would open the whole bucket that all assets of the account share.
        iam.Grant.add_to_principal(
            grantee=self._node_role,
            actions=["s3:GetObject"],
            resource_arns=[code.bucket.arn_for_objects(code.s3_object_key)],
        )

    def grant_submit_steps(self, grantee: iam.IGrantable) -> None:
        """Let the grantee add steps to this cluster, and launch it where it is on demand.

        Which steps are there already it may see on any cluster of the environment: a batch may
        have one on a cluster that was replaced since.
        """
        if self.cluster_id is None:
            self._grant_by_tag(grantee, "SubmitSteps", *_ADD_STEPS)
        else:
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=list(_ADD_STEPS),
                resource_arns=[self._arn(self.cluster_id)],
            )
        self._grant_by_tag(grantee, "FindSteps", "elasticmapreduce:ListSteps")
        if self._launch is not None:
            self._grant_launch(grantee, self._launch)

    def grant_follow_steps(self, grantee: iam.IGrantable) -> None:
        """Let the grantee look at steps of the environment's clusters, replaced ones included."""
        self._grant_by_tag(grantee, "FollowSteps", "elasticmapreduce:DescribeStep")

    def _spec(self, config: ClusterConfig, network: PrivateNetwork, lake: DataLake) -> ClusterSpec:
        release = RELEASES[config.release_label]
        security = security_configuration(
            self, "Security", key=lake.key, certificates_uri=config.certificates_uri
        )
        profile = iam.InstanceProfile(self, "NodeProfile", role=self._node_role)
        return ClusterSpec(
            name=self.name,
            release_label=config.release_label,
            applications=release.applications,
            configurations=cluster_configurations(lake.bucket, python=release.python),
            instances=cluster_instances(config, network),
            managed_scaling=managed_scaling(config),
            auto_scaling_role=(
                None if self._scaling_role is None else self._scaling_role.role_name
            ),
            security_configuration=security.ref,
            job_flow_role=profile.instance_profile_name,
            service_role=self._service_role.role_name,
            log_uri=lake.bucket.s3_url_for_object(layout.EMR_LOG_PREFIX),
            step_concurrency=config.step_concurrency,
        )

    def _persistent(self, spec: ClusterSpec, network: PrivateNetwork) -> str:
        cluster = spec.cluster(self, "Cluster")
        cdk.Tags.of(cluster).add(*EMR_POLICY_TAG)
        if spec.auto_scaling_role is not None:
            cdk.Validations.of(cluster).acknowledge(
                cdk.Acknowledgment(id=EMR_PLACEHOLDER.rule, reason=EMR_PLACEHOLDER.reason)
            )
        # Nodes that start before these are there cannot fetch what they need.
        cluster.node.add_dependency(network, self._node_role, self._service_role)
        return cluster.ref

    def _grant_by_tag(self, grantee: iam.IGrantable, sid: str, *actions: str) -> None:
        """On the clusters that bear the environment's tag, whatever their ids.

        `aws:ResourceTag` is a condition key of EMR's resource type `cluster` ("Actions, resources,
        and condition keys for Amazon Elastic MapReduce", Service Authorization Reference).
        """
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                sid=sid,
                actions=list(actions),
                resources=[self._arn("*")],
                conditions={"StringEquals": {_TAG: self._environment}},
            )
        )

    def _grant_launch(self, grantee: iam.IGrantable, launch: ssm.StringParameter) -> None:
        """RunJobFlow and ListClusters take no narrower resource ("Actions, resources, and
        condition keys for Amazon EMR"); what is launched has to bear the environment's tag.

        A cluster gets its end by idleness before it has tags, so that this alone is also allowed
        where there is none ("Using an auto-termination policy" in the EMR management guide).
        """
        requested = {"StringEquals": {_REQUESTED_TAG: self._environment}}
        tagged_if_at_all = {"StringEqualsIfExists": {_TAG: self._environment}}
        any_cluster = self._arn("*")
        for sid, action, resource, conditions in (
            ("LaunchCluster", "elasticmapreduce:RunJobFlow", "*", requested),
            ("FindCluster", "elasticmapreduce:ListClusters", "*", None),
            ("TagCluster", "elasticmapreduce:AddTags", any_cluster, requested),
            (
                "EndIdleCluster",
                "elasticmapreduce:PutAutoTerminationPolicy",
                any_cluster,
                tagged_if_at_all,
            ),
            ("ReadLaunch", "ssm:GetParameter", launch.parameter_arn, None),
        ):
            grantee.grant_principal.add_to_principal_policy(
                iam.PolicyStatement(
                    sid=sid, actions=[action], resources=[resource], conditions=conditions
                )
            )
        for statement in (
            pass_role("GiveServiceItsRole", self._service_role, _EMR),
            pass_role("GiveNodesTheirRole", self._node_role, "ec2.amazonaws.com"),
            create_linked_role(self, _EMR, "AWSServiceRoleForEMRCleanup"),
        ):
            grantee.grant_principal.add_to_principal_policy(statement)

    def _arn(self, cluster_id: str) -> str:
        return cdk.Stack.of(self).format_arn(
            service="elasticmapreduce", resource="cluster", resource_name=cluster_id
        )


def _warn_of_experiments(scope: Construct, label: str) -> None:
    release = RELEASES[label]
    if release.experimental:
        cdk.Annotations.of(scope).add_warning_v2(
            "tidelake:experimental-release",
            f"{label} is experimental: the job is tried on Spark {release.spark}, and not yet on "
            "this release.",
        )
