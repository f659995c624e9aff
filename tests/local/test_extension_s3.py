"""Deletion of buckets by the real local AWS, by API and by CloudFormation."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

SERVICE_TOKEN = "arn:aws:lambda:us-east-1:000000000000:function:not-there"
TAG = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}


class Stack:
    """A stack of one versioned bucket, with or without CDK's auto-delete."""

    def __init__(self, local_aws: LocalAwsUnderTest) -> None:
        self.name = f"s3-{uuid.uuid4().hex[:12]}"
        self.s3 = local_aws.client("s3")
        self.cloudformation = local_aws.client("cloudformation")

    def bucket(self, number: int = 1) -> str:
        return f"{self.name}-{number}"

    def template(self, *, auto_delete: bool, tagged: bool = True, number: int = 1) -> str:
        properties: dict[str, Any] = {
            "BucketName": self.bucket(number),
            "VersioningConfiguration": {"Status": "Enabled"},
        }
        if tagged:
            properties["Tags"] = [TAG]
        resources: dict[str, Any] = {
            f"Bucket{number}": {"Type": "AWS::S3::Bucket", "Properties": properties}
        }
        if auto_delete:
            resources["Empty"] = {
                "Type": "Custom::S3AutoDeleteObjects",
                "Properties": {
                    "ServiceToken": SERVICE_TOKEN,
                    "BucketName": {"Ref": f"Bucket{number}"},
                },
            }
        return json.dumps({"Resources": resources})

    def create(self, *, auto_delete: bool, tagged: bool = True) -> None:
        body = self.template(auto_delete=auto_delete, tagged=tagged)
        self.cloudformation.create_stack(StackName=self.name, TemplateBody=body)
        self._wait("stack_create_complete")

    def update(self, number: int) -> None:
        body = self.template(auto_delete=True, number=number)
        self.cloudformation.update_stack(StackName=self.name, TemplateBody=body)
        self._wait("stack_update_complete")

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete")

    def fill(self) -> None:
        """More versions than one page lists, and delete markers."""
        for number in range(520):
            self.s3.put_object(Bucket=self.bucket(), Key=f"k{number}", Body=b"old")
            self.s3.put_object(Bucket=self.bucket(), Key=f"k{number}", Body=b"new")
        for number in range(10):
            self.s3.delete_object(Bucket=self.bucket(), Key=f"k{number}")

    def exists(self, number: int = 1) -> bool:
        names = [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]
        return self.bucket(number) in names

    def last_reason(self) -> str:
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [e for e in events if e["ResourceStatus"] == "DELETE_FAILED"]
        reasons = [e.get("ResourceStatusReason", "") for e in failed]
        return "\n".join(reasons)

    def _wait(self, state: str) -> None:
        waiter = self.cloudformation.get_waiter(state)
        waiter.wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.fixture
def stack(local_aws: LocalAwsUnderTest) -> Stack:
    return Stack(local_aws)


def leave_object(stack: Stack) -> None:
    stack.s3.put_object(Bucket=stack.bucket(), Key="k", Body=b"x")


def leave_old_version(stack: Stack) -> None:
    version = stack.s3.put_object(Bucket=stack.bucket(), Key="k", Body=b"x")["VersionId"]
    marker = stack.s3.delete_object(Bucket=stack.bucket(), Key="k")["VersionId"]
    stack.s3.delete_object(Bucket=stack.bucket(), Key="k", VersionId=marker)
    assert version
    stack.s3.put_object(Bucket=stack.bucket(), Key="k", Body=b"y")
    stack.s3.delete_object(Bucket=stack.bucket(), Key="k", VersionId="null")


def leave_delete_marker(stack: Stack) -> None:
    stack.s3.delete_object(Bucket=stack.bucket(), Key="never")


@pytest.mark.parametrize("leave", [leave_object, leave_old_version, leave_delete_marker])
def test_bucket_that_holds_anything_is_not_deleted(stack: Stack, leave: Any) -> None:
    stack.create(auto_delete=False)
    leave(stack)

    with pytest.raises(ClientError) as refusal:
        stack.s3.delete_bucket(Bucket=stack.bucket())
    assert refusal.value.response["Error"]["Code"] == "BucketNotEmpty"
    with pytest.raises(Exception, match="DELETE_FAILED"):
        stack.delete()
    assert "BucketNotEmpty" in stack.last_reason()
    assert stack.exists()


def test_empty_bucket_is_deleted_with_its_stack(stack: Stack) -> None:
    stack.create(auto_delete=False)

    stack.delete()

    assert not stack.exists()


def test_bucket_that_is_gone_already_does_not_keep_its_stack(stack: Stack) -> None:
    stack.create(auto_delete=True)
    stack.s3.delete_bucket(Bucket=stack.bucket())

    stack.delete()


def test_auto_delete_removes_objects_old_versions_and_delete_markers(stack: Stack) -> None:
    stack.create(auto_delete=True)
    stack.fill()

    stack.delete()

    assert not stack.exists()


def test_auto_delete_spares_a_bucket_that_lost_its_tag(stack: Stack) -> None:
    stack.create(auto_delete=True)
    leave_object(stack)
    stack.s3.delete_bucket_tagging(Bucket=stack.bucket())

    with pytest.raises(Exception, match="DELETE_FAILED"):
        stack.delete()

    assert stack.exists()


def test_bucket_that_another_one_replaces_is_emptied_and_deleted(stack: Stack) -> None:
    stack.create(auto_delete=True)
    leave_object(stack)

    stack.update(number=2)

    assert not stack.exists(1)
    assert stack.exists(2)
