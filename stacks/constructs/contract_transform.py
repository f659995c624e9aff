"""The function that holds records to the contract on their way to the lake."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.pipeline_function import PipelineFunction
from stacks.sections.delivery import DeliveryConfig
from tidelake.contract.settings import DeliveryTransformSettings

_TIMEOUT_SECONDS = 60
_MEMORY_MIB = 512
"""A batch of 3 MiB is there in base64, as bytes, as objects and as the answer at once."""


class ContractTransform(Construct):
    """A Lambda function as a processor of a delivery stream. It may write its log, no more."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeliveryConfig,
        environment: str,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        settings = DeliveryTransformSettings(
            environment=environment, misfits=config.transform_misfits
        )
        self.function = PipelineFunction(
            self,
            "Check",
            package="delivery_transform",
            description="tidelake: holds records to the contract before their conversion",
            environment=settings.to_env(),
            timeout_seconds=_TIMEOUT_SECONDS,
            memory_mib=_MEMORY_MIB,
            log_retention_days=log_retention_days,
            log_removal=log_removal,
            key=key,
        ).function
        self.processor = firehose.LambdaFunctionProcessor(
            self.function,
            buffer_interval=cdk.Duration.seconds(config.transform_buffer_seconds),
            buffer_size=cdk.Size.mebibytes(config.transform_buffer_mib),
            retries=config.transform_retries,
        )

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a delivery stream call this function; the L2's own grant reaches all its versions."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            resource_arns=[self.function.function_arn],
        )
