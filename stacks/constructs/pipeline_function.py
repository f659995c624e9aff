"""A Lambda function of this project: its code, its settings, its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.project_code import function_code
from stacks.constructs.service_logs import service_log_group


class PipelineFunction(Construct):
    """A Python 3.13 function with the handler of one package below `lambda_src`.

    `shared` names the other packages there that it imports.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        package: str,
        shared: Sequence[str] = (),
        description: str,
        environment: Mapping[str, str],
        timeout_seconds: int,
        memory_mib: int,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        logs = service_log_group(
            self, "Logs", retention_days=log_retention_days, removal=log_removal, key=key
        )
        # A role of its own: the one that CDK would make may write to any log group.
        role = iam.Role(
            self,
            "Role",
            description=description,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        logs.grant_write(role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            role=role,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=function_code(package, *shared),
            handler=f"lambda_src.{package}.handler.handler",
            environment=dict(environment),
            timeout=cdk.Duration.seconds(timeout_seconds),
            memory_size=memory_mib,
            log_group=logs,
        )
