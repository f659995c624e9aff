"""The customer key that encrypts data, logs and notifications."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


def lake_key(
    scope: Construct, construct_id: str, *, audited: bool, removal: cdk.RemovalPolicy
) -> kms.Key:
    """A rotated key, which the services that encrypt on the account's behalf may use too.

    Without these statements an alarm would turn red and notify nobody, because CloudWatch and
    EventBridge may not write to an encrypted topic; and no log group could be encrypted.

    EventBridge names no source account or rule as it writes to an encrypted topic: a condition on
    one would drop every notification ("Managing Amazon SNS encryption keys and costs" in the SNS
    guide). The topic that SNS names as the context of each encryption narrows its use instead.
    """
    key = kms.Key(
        scope,
        construct_id,
        description="tidelake: stream, lake, logs and notifications",
        enable_key_rotation=True,
        removal_policy=removal,
    )
    stack = cdk.Stack.of(scope)
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="PublishAlarms",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
    topics = stack.format_arn(service="sns", resource="*")
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="PublishEvents",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}},
        )
    )
    log_groups = stack.format_arn(
        service="logs", resource="log-group:*", arn_format=cdk.ArnFormat.NO_RESOURCE_NAME
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EncryptLogGroups",
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
        )
    )
    if audited:
        trails = stack.format_arn(service="cloudtrail", resource="trail", resource_name="*")
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EncryptAuditLog",
                principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": trails},
                },
            )
        )
    return key
