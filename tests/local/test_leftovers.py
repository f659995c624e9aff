"""What `cdk destroy` leaves is seen, whatever it is."""

from __future__ import annotations

import json

import pytest

from tests.conftest import LocalAwsUnderTest
from tidelake.local.leftovers import find_leftovers

TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@pytest.mark.slow
def test_a_stack_a_bucket_and_a_log_group_are_seen_until_they_are_gone(
    local_aws: LocalAwsUnderTest,
) -> None:
    expected = {
        "stack left-stack (CREATE_COMPLETE)",
        "bucket left-bucket",
        "log group /left/group",
    }
    local_aws.client("cloudformation").create_stack(StackName="left-stack", TemplateBody=TEMPLATE)
    local_aws.client("s3").create_bucket(Bucket="left-bucket")
    local_aws.client("logs").create_log_group(logGroupName="/left/group")

    there = expected & set(find_leftovers(local_aws.endpoint))
    local_aws.client("cloudformation").delete_stack(StackName="left-stack")
    local_aws.client("s3").delete_bucket(Bucket="left-bucket")
    local_aws.client("logs").delete_log_group(logGroupName="/left/group")
    gone = expected & set(find_leftovers(local_aws.endpoint))

    assert there == expected
    assert gone == set()


@pytest.mark.slow
def test_the_staging_bucket_of_a_bootstrap_may_stay(local_aws: LocalAwsUnderTest) -> None:
    staging = "cdk-company1-assets-000000000000-us-east-1"
    local_aws.client("s3").create_bucket(Bucket=staging)

    left = find_leftovers(local_aws.endpoint)
    local_aws.client("s3").delete_bucket(Bucket=staging)

    assert f"bucket {staging}" not in left
