"""Buckets in CloudFormation: tagged, never deleted with anything in them, emptied by CDK's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from tidelake.local.endpoint import local_client
from tidelake.local.extension.replacing import (
    replace_entry,
    replace_function,
    require_functions,
)
from tidelake.local.settings import LocalSettings

AUTO_DELETE_TYPE = "Custom::S3AutoDeleteObjects"
AUTO_DELETE_TAG = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}


def install(settings: LocalSettings) -> None:
    """Replace CloudFormation's bucket deletion and answer CDK's auto-delete resource.

    MiniStack cannot run that resource's own function, which is JavaScript with an AWS SDK.
    """
    require_functions(s3, "_delete_bucket")
    handlers = provisioners._RESOURCE_HANDLERS
    replace_entry(
        handlers["AWS::S3::Bucket"], "delete", delete_bucket, "_RESOURCE_HANDLERS[S3::Bucket]"
    )
    stored = replace_function(
        provisioners,
        "_s3_apply_configurations",
        lambda name, props, old_props=None: apply_configurations(stored, name, props, old_props),
    )
    emptying = BucketEmptying(local_client("s3", settings.endpoint))
    handlers[AUTO_DELETE_TYPE] = {
        "create": emptying.create,
        "update": emptying.update,
        "delete": emptying.delete,
    }


def apply_configurations(
    stored: Callable[..., Any], name: str, props: dict[str, Any], old_props: dict[str, Any] | None
) -> None:
    """Store a bucket's properties as MiniStack does, and the tags, which it leaves out."""
    stored(name, props, old_props)
    tags = {tag["Key"]: tag["Value"] for tag in props.get("Tags", [])}
    if tags:
        s3._bucket_tags[name] = tags
    else:
        s3._bucket_tags.pop(name, None)


def delete_bucket(physical_id: str, props: dict[str, Any]) -> None:  # noqa: ARG001  MiniStack's
    """Delete as the API does: ValueError, which fails the stack, for a bucket with anything in it.

    "Anything" is objects, old versions and delete markers. A bucket that is gone already is fine.
    """
    status, _headers, _body = s3._delete_bucket(physical_id)
    if status == 409:
        raise ValueError(
            f"The bucket you tried to delete is not empty: {physical_id} (Service: S3, "
            "Status Code: 409, Error Code: BucketNotEmpty)"
        )
    if status not in (204, 404):
        raise ValueError(f"The bucket {physical_id} cannot be deleted: status code {status}")


class BucketEmptying:
    """The resource by which CDK empties a bucket before CloudFormation deletes it.

    Its calls block on the S3 API, so they must not run on the event loop; CloudFormation calls
    custom resources in threads of their own.
    """

    def __init__(self, client: Any) -> None:
        self._s3 = client

    def create(
        self, logical_id: str, props: dict[str, Any], stack_name: str
    ) -> tuple[str, dict[str, Any]]:
        """Nothing to do yet; the id lasts as long as the resource."""
        return f"{stack_name}-{logical_id}-{props['BucketName']}", {}

    def update(
        self,
        physical_id: str,
        old_props: dict[str, Any],
        new_props: dict[str, Any],
        stack_name: str,  # noqa: ARG002  the parameter is MiniStack's
    ) -> tuple[str, dict[str, Any]]:
        """Another bucket name means that the old bucket is about to be deleted."""
        if old_props["BucketName"] != new_props["BucketName"]:
            self.delete(physical_id, old_props)
        return physical_id, {}

    def delete(self, physical_id: str, props: dict[str, Any]) -> None:  # noqa: ARG002  as above
        """Remove every version and delete marker of the bucket, if it still has CDK's tag."""
        bucket = props["BucketName"]
        try:
            tags = self._s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchBucket", "NoSuchTagSet"):
                return
            raise
        if AUTO_DELETE_TAG in tags:
            self._empty(bucket)

    def _empty(self, bucket: str) -> None:
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            objects = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in found]
            if objects:
                self._s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
