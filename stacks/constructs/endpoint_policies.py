"""Who may ask what through the endpoints of the cluster's network."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

_OBJECT_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)


def admit_own_identities(endpoint: ec2.VpcEndpoint) -> None:
    """Let identities of this account alone use the endpoint; their own policies say for what."""
    endpoint.add_to_policy(
        iam.PolicyStatement(
            sid="OwnIdentities",
            principals=[iam.AnyPrincipal()],
            actions=["*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": cdk.Stack.of(endpoint).account}},
        )
    )


def admit_own_buckets_and_repositories(endpoint: ec2.VpcEndpoint, scope: Construct) -> None:
    """Let objects move between the nodes and this account's buckets, and software come in.

    Nodes fetch Amazon Linux 2023 and EMR's packages anonymously; see "Sample policies for private
    subnets that access Amazon S3" in the EMR management guide.
    """
    stack = cdk.Stack.of(scope)
    account = stack.account
    endpoint.add_to_policy(
        iam.PolicyStatement(
            sid="OwnBuckets",
            principals=[iam.AnyPrincipal()],
            actions=list(_OBJECT_ACTIONS),
            resources=["*"],
            conditions={
                "StringEquals": {
                    "aws:PrincipalAccount": account,
                    "aws:ResourceAccount": account,
                }
            },
        )
    )
    repositories = (
        f"al2023-repos-{stack.region}-de612dc2",
        f"repo.{stack.region}.emr.amazonaws.com",
        f"{stack.region}.elasticmapreduce",
    )
    endpoint.add_to_policy(
        iam.PolicyStatement(
            sid="SoftwareRepositories",
            principals=[iam.AnyPrincipal()],
            actions=["s3:GetObject"],
            resources=[f"arn:{stack.partition}:s3:::{bucket}/*" for bucket in repositories],
        )
    )
