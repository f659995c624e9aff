"""Who the cluster is to AWS: its service, its nodes, and its rules for scaling."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


def node_role(scope: Construct, *, certificates_uri: str) -> iam.Role:
    """The role of the nodes, so of every Spark job; the lake's own grants come on top."""
    role = iam.Role(
        scope,
        "NodeRole",
        description="EMR nodes: Spark on the lake, and sessions through Systems Manager",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
    )
    _grant_sessions(role)
    stack = cdk.Stack.of(scope)
    role.add_to_policy(
        iam.PolicyStatement(
            sid="FetchEmrPrograms",
            actions=["s3:GetObject"],
            resources=[f"arn:{stack.partition}:s3:::{stack.region}.elasticmapreduce/*"],
        )
    )
    if certificates_uri:
        role.add_to_policy(
            iam.PolicyStatement(
                sid="FetchCertificates",
                actions=["s3:GetObject"],
                resources=[f"arn:{stack.partition}:s3:::{certificates_uri.removeprefix('s3://')}"],
            )
        )
    return role


def _grant_sessions(role: iam.Role) -> None:
    """Let a node be opened a session on, and nothing else of Systems Manager.

    The actions are those of "Add Session Manager permissions to an existing IAM role" in its
    guide, without the key of sessions. AWS's own policy for this lets nodes read every parameter
    of the account. None of the actions can be narrowed to a resource before the node exists.
    """
    role.add_to_policy(
        iam.PolicyStatement(
            sid="TakeSessions",
            actions=[
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            resources=["*"],
        )
    )


def service_role(
    scope: Construct, nodes: iam.IRole, key: kms.IKey, *, rules: iam.IRole | None, spot: bool
) -> iam.Role:
    """The role by which EMR starts nodes, and encrypts their volumes with `key`.

    EMR's policy lets it pass on roles of the default names alone. `rules` is the role of own
    scaling rules; `spot` says whether nodes are bought so.
    """
    role = iam.Role(
        scope,
        "ServiceRole",
        description="EMR: starts and ends the cluster's nodes",
        assumed_by=_emr(scope),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonEMRServicePolicy_v2")
        ],
    )
    role.add_to_policy(pass_role("GiveNodesTheirRole", nodes, "ec2.amazonaws.com"))
    if rules is not None:
        role.add_to_policy(
            pass_role("GiveRulesTheirRole", rules, "application-autoscaling.amazonaws.com")
        )
    if spot:
        role.add_to_policy(
            create_linked_role(scope, "spot.amazonaws.com", "AWSServiceRoleForEC2Spot")
        )
    grant_encrypt_disks(key, role)
    role.add_to_policy(
        iam.PolicyStatement(
            sid="LendKeyToVolumes",
            actions=["kms:CreateGrant"],
            resources=[key.key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
    )
    return role


def pass_role(sid: str, role: iam.IRole, service: str) -> iam.PolicyStatement:
    """Let one role be handed to one service, and to no other."""
    return iam.PolicyStatement(
        sid=sid,
        actions=["iam:PassRole"],
        resources=[role.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )


def create_linked_role(scope: Construct, service: str, name: str) -> iam.PolicyStatement:
    """Let a service make the role of its own that it lacks where an account first uses it."""
    arn = cdk.Stack.of(scope).format_arn(
        service="iam",
        region="",
        resource="role",
        resource_name=f"aws-service-role/{service}/{name}",
    )
    return iam.PolicyStatement(
        sid="MakeLinkedRole",
        actions=["iam:CreateServiceLinkedRole"],
        resources=[arn],
        conditions={"StringEquals": {"iam:AWSServiceName": service}},
    )


def grant_encrypt_disks(key: kms.IKey, grantee: iam.IGrantable) -> None:
    """What EMR's security configuration asks of service and nodes, to encrypt their disks."""
    key.grant(
        grantee,
        *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
        *("kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
    )


def scaling_role(scope: Construct) -> iam.Role:
    """The role by which own scaling rules see the cluster's alarms and resize its groups.

    EMR takes no role for this that is narrowed to one cluster: the rules are set as the cluster
    starts, before it has an id.
    """
    stack = cdk.Stack.of(scope)
    role = iam.Role(
        scope,
        "ScalingRole",
        description="EMR: resizes the cluster's groups by its own rules",
        assumed_by=iam.CompositePrincipal(
            _emr(scope),
            iam.ServicePrincipal(
                "application-autoscaling.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
        ),
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="ResizeGroups",
            actions=[
                "elasticmapreduce:ListInstanceGroups",
                "elasticmapreduce:ModifyInstanceGroups",
            ],
            resources=[
                stack.format_arn(service="elasticmapreduce", resource="cluster", resource_name="*")
            ],
            conditions={
                "StringEquals": {"aws:ResourceTag/for-use-with-amazon-emr-managed-policies": "true"}
            },
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="SeeAlarms",
            actions=["cloudwatch:DescribeAlarms"],
            resources=[
                stack.format_arn(
                    service="cloudwatch",
                    resource="alarm",
                    resource_name="*",
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
        )
    )
    return role


def _emr(scope: Construct) -> iam.ServicePrincipal:
    stack = cdk.Stack.of(scope)
    return iam.ServicePrincipal(
        "elasticmapreduce.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {
                "aws:SourceArn": stack.format_arn(service="elasticmapreduce", resource="*")
            },
        },
    )
