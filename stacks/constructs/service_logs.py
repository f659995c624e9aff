"""Log groups that the stacks own, so that they are encrypted, expire, and go with their stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


def service_log_group(
    scope: Construct,
    construct_id: str,
    *,
    retention_days: int,
    removal: cdk.RemovalPolicy,
    key: kms.IKey,
) -> logs.LogGroup:
    """A log group that keeps its events for `retention_days`, one of CloudWatch's own terms."""
    group = logs.LogGroup(scope, construct_id, encryption_key=key, removal_policy=removal)
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 - narrows the type
    # The L2 takes an enum without numbers; the resource takes the days themselves.
    resource.retention_in_days = retention_days
    # Also the streams that constructs of the CDK add to it, which would stay otherwise.
    cdk.RemovalPolicies.of(group).apply(removal)
    return group
