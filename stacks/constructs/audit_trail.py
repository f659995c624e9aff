"""Who read and wrote which record and object, by CloudTrail."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.data_lake import DataLake
from stacks.sections.monitoring import AuditConfig

_SERVICE = "cloudtrail.amazonaws.com"


class AuditTrail(Construct):
    """Data events of the data stream and the lake bucket, in a bucket of their own.

    Log files are encrypted with the lake key, signed by CloudTrail, and expire.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: AuditConfig,
        stream: kinesis.IStream,
        lake: DataLake,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Logs",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=lake.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expired",
                    expiration=cdk.Duration.days(config.expiry_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=removal,
            auto_delete_objects=removal is cdk.RemovalPolicy.DESTROY,
        )
        _admit_cloudtrail(bucket)
        trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            is_logging=True,
            enable_log_file_validation=True,
            s3_bucket_name=bucket.bucket_name,
            kms_key_id=lake.key.key_arn,
            advanced_event_selectors=[
                _data_events("AWS::Kinesis::Stream", equal_to=[stream.stream_arn]),
                # Reading by enhanced fan-out is an event of the consumer.
                _data_events(
                    "AWS::Kinesis::StreamConsumer", starts_with=[f"{stream.stream_arn}/consumer/"]
                ),
                _data_events("AWS::S3::Object", starts_with=[lake.bucket.arn_for_objects("")]),
            ],
        )
        # CloudTrail tries the bucket as it makes the trail.
        assert bucket.policy is not None  # noqa: S101 - the statements above made it
        trail.node.add_dependency(bucket.policy)


def _admit_cloudtrail(bucket: s3.Bucket) -> None:
    account = cdk.Stack.of(bucket).account
    own = {"StringEquals": {"aws:SourceAccount": account}}
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudTrailLooksUpTheBucket",
            principals=[iam.ServicePrincipal(_SERVICE)],
            actions=["s3:GetBucketAcl"],
            resources=[bucket.bucket_arn],
            conditions=own,
        )
    )
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudTrailWritesLogs",
            principals=[iam.ServicePrincipal(_SERVICE)],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"AWSLogs/{account}/*")],
            conditions=own,
        )
    )


def _data_events(
    resource_type: str,
    *,
    equal_to: list[str] | None = None,
    starts_with: list[str] | None = None,
) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    selector = cloudtrail.CfnTrail.AdvancedFieldSelectorProperty
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(
        name=resource_type,
        field_selectors=[
            selector(field="eventCategory", equal_to=["Data"]),
            selector(field="resources.type", equal_to=[resource_type]),
            selector(field="resources.ARN", equal_to=equal_to, starts_with=starts_with),
        ],
    )
