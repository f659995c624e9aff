"""The lake bucket with its zones, its key, and its catalog."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.lake_catalog import LakeCatalog
from stacks.constructs.lake_key import lake_key
from stacks.sections.lake import LakeConfig
from tidelake.contract import lake

_ABORTED_UPLOAD_DAYS = 7
_ACCESS_LOG_PREFIX = "lake/"
_READ = ("s3:GetObject",)
_WRITE = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject")
_DELETE = ("s3:DeleteObject",)


class DataLake(Construct):
    """One bucket, one zone for each purpose, and who may do what in which zone."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: LakeConfig,
        source_backup_days: int,
        audited: bool,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = lake_key(self, "Key", audited=audited, removal=removal)
        self.access_logs = _access_log_bucket(self, config, removal)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=_lifecycle(config, source_backup_days),
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=_ACCESS_LOG_PREFIX,
            removal_policy=removal,
            auto_delete_objects=removal is cdk.RemovalPolicy.DESTROY,
        )
        _send_events(self.bucket)
        self.catalog = LakeCatalog(
            self, "Catalog", config=config, bucket=self.bucket, removal=removal
        )

    def grant_deliver(self, grantee: iam.IGrantable) -> None:
        """Let a delivery stream write raw objects, and set aside what it cannot deliver."""
        self._grant_objects(grantee, _WRITE, lake.RAW_PREFIX, lake.ERROR_PREFIX)
        self._grant_list(grantee, "s3:ListBucketMultipartUploads")

    def grant_keep_source(self, grantee: iam.IGrantable) -> None:
        """Let a delivery stream keep the records as they came."""
        self._grant_objects(grantee, _WRITE, lake.SOURCE_PREFIX)

    def grant_write_manifests(self, grantee: iam.IGrantable) -> None:
        """Let the trigger write down what a step shall read."""
        self._grant_objects(grantee, _WRITE, lake.MANIFEST_PREFIX)

    def grant_follow_batches(self, grantee: iam.IGrantable) -> None:
        """Let a function read what batches hold and what became of them, and halve one."""
        self._grant_objects(grantee, _READ, lake.BATCH_RESULT_PREFIX)
        self._grant_objects(grantee, _READ + _WRITE, lake.MANIFEST_PREFIX)
        # Without it, S3 calls an object that is not there forbidden.
        self._grant_list(grantee)

    def grant_list_versions(self, grantee: iam.IGrantable) -> None:
        """Let a function see which versions of which objects there are."""
        self._grant_list(grantee, "s3:ListBucketVersions")

    def grant_process(self, grantee: iam.IGrantable) -> None:
        """Let Spark read raw objects and manifests, own the curated zone, say what became of each
        batch, and keep its logs."""
        self._grant_objects(grantee, _READ, lake.RAW_PREFIX, lake.MANIFEST_PREFIX)
        self._grant_objects(grantee, _READ + _WRITE + _DELETE, lake.CURATED_PREFIX)
        self._grant_objects(grantee, _WRITE, lake.BATCH_RESULT_PREFIX, lake.EMR_LOG_PREFIX)
        self._grant_list(grantee)
        self.catalog.grant_manage_tables(grantee)

    def _grant_objects(
        self, grantee: iam.IGrantable, actions: tuple[str, ...], *prefixes: str
    ) -> None:
        """Exactly these actions: those of the bucket's own grants reach beyond objects."""
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[self.bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
        )
        # An upload in parts needs both.
        self.key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")

    def _grant_list(self, grantee: iam.IGrantable, *actions: str) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["s3:GetBucketLocation", "s3:ListBucket", *actions],
            resource_arns=[self.bucket.bucket_arn],
        )


def _access_log_bucket(
    scope: Construct, config: LakeConfig, removal: cdk.RemovalPolicy
) -> s3.Bucket:
    """Who asked for which object of the lake, by S3's own log, at best effort.

    S3 delivers such logs to no bucket whose default encryption is by a KMS key.
    """
    return s3.Bucket(
        scope,
        "AccessLogs",
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="expired",
                expiration=cdk.Duration.days(config.access_log_expiry_days),
                noncurrent_version_expiration=cdk.Duration.days(1),
            ),
            s3.LifecycleRule(
                id="aborted-uploads",
                abort_incomplete_multipart_upload_after=cdk.Duration.days(_ABORTED_UPLOAD_DAYS),
            ),
        ],
        removal_policy=removal,
        auto_delete_objects=removal is cdk.RemovalPolicy.DESTROY,
    )


def _lifecycle(config: LakeConfig, source_backup_days: int) -> list[s3.LifecycleRule]:
    expiries = {
        lake.ERROR_PREFIX: config.error_expiry_days,
        lake.MANIFEST_PREFIX: config.manifest_expiry_days,
        lake.BATCH_RESULT_PREFIX: config.manifest_expiry_days,
        lake.EMR_LOG_PREFIX: config.emr_log_expiry_days,
        lake.QUERY_RESULT_PREFIX: config.query_result_expiry_days,
    }
    if source_backup_days:
        expiries[lake.SOURCE_PREFIX] = source_backup_days
    infrequent = s3.Transition(
        storage_class=s3.StorageClass.INFREQUENT_ACCESS,
        transition_after=cdk.Duration.days(config.raw_infrequent_access_days),
    )
    return [
        s3.LifecycleRule(
            id="old-versions",
            noncurrent_version_expiration=cdk.Duration.days(config.old_version_expiry_days),
            expired_object_delete_marker=True,
        ),
        s3.LifecycleRule(
            id="aborted-uploads",
            abort_incomplete_multipart_upload_after=cdk.Duration.days(_ABORTED_UPLOAD_DAYS),
        ),
        s3.LifecycleRule(id="raw", prefix=lake.RAW_PREFIX, transitions=[infrequent]),
        *(
            s3.LifecycleRule(
                id=prefix.rstrip("/"), prefix=prefix, expiration=cdk.Duration.days(days)
            )
            for prefix, days in expiries.items()
        ),
    ]


def _send_events(bucket: s3.Bucket) -> None:
    """Turn EventBridge on in the bucket itself.

    `event_bridge_enabled` of the L2 does it through a function that may change the
    notifications of every bucket.
    """
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - narrows the type for what follows
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )
