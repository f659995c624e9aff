"""Who may ask what through the endpoints of the cluster's network."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
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

_RECORD_ACTIONS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamConsumer",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "kinesis:PutRecord",
    "kinesis:PutRecords",
    "kinesis:SubscribeToShard",
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
    """Let objects move between the nodes and this account's buckets, software in, EMR's logs out.

    The buckets are those of "Sample policies for private subnets that access Amazon S3" in the EMR
    management guide. Nodes fetch software anonymously, and EMR's own programs on them bring
    identities that are not of this account.
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
    for sid, (buckets, actions) in _services_buckets(stack.region).items():
        endpoint.add_to_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.AnyPrincipal()],
                actions=list(actions),
                resources=[f"arn:{stack.partition}:s3:::{bucket}/*" for bucket in buckets],
            )
        )


def admit_own_stream(endpoint: ec2.VpcEndpoint, stream: kinesis.IStream) -> None:
    """Let identities of this account write to and read from one data stream, and no other."""
    endpoint.add_to_policy(
        iam.PolicyStatement(
            sid="OwnStream",
            principals=[iam.AnyPrincipal()],
            actions=list(_RECORD_ACTIONS),
            resources=[stream.stream_arn, f"{stream.stream_arn}/consumer/*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": cdk.Stack.of(endpoint).account}},
        )
    )


def _services_buckets(region: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """AWS's own buckets in a region and what is done with their objects, by statement."""
    return {
        "SoftwareRepositories": (
            (
                f"al2023-repos-{region}-de612dc2",
                f"repo.{region}.emr.amazonaws.com",
                f"{region}.elasticmapreduce",
                # From EMR 8; Sydney has names of its own.
                *(f"aws157-instance-data-{number}-prod-{region}" for number in (0, 1)),
                *(f"aws157-instance-data-bucket-{number}-prod-{region}" for number in (0, 1)),
            ),
            ("s3:GetObject",),
        ),
        # That of us-east-1 has no region in its name.
        "SystemLogs": (
            ("aws157-logs-prod", f"aws157-logs-prod-{region}"),
            ("s3:AbortMultipartUpload", "s3:PutObject"),
        ),
        "ApplicationHistory": (
            (f"prod.{region}.appinfo.src",),
            (
                "s3:AbortMultipartUpload",
                "s3:GetObject",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ),
        ),
    }
