"""The log of the function by which CDK empties buckets as their stack is deleted."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms

from stacks.constructs.service_logs import service_log_group

_PROVIDER = "Custom::S3AutoDeleteObjectsCustomResourceProvider"


def own_emptying_logs(
    stack: cdk.Stack, *, retention_days: int, removal: cdk.RemovalPolicy, key: kms.IKey
) -> None:
    """Give that function a log group of the stack's, in a stack that has the function.

    By itself it makes one as it first runs, which is not encrypted, never expires, and is left
    behind by the stack; its role may then make any log group of the account.
    """
    provider = stack.node.try_find_child(_PROVIDER)
    if provider is None:
        return
    logs = service_log_group(
        stack, "EmptyingLogs", retention_days=retention_days, removal=removal, key=key
    )
    handler, role = (_resource(provider.node.find_child(name)) for name in ("Handler", "Role"))
    handler.add_property_override("LoggingConfig", {"LogGroup": logs.log_group_name})
    role.add_property_deletion_override("ManagedPolicyArns")
    role.add_property_override("Policies", [_write_logs(logs.log_group_arn)])


def _resource(construct: Any) -> cdk.CfnResource:
    assert isinstance(construct, cdk.CfnResource)  # noqa: S101 - narrows the type
    return construct


def _write_logs(log_group_arn: str) -> dict[str, Any]:
    return {
        "PolicyName": "WriteLogs",
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": log_group_arn,
                }
            ],
        },
    }
