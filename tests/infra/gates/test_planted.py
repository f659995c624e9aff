"""What must not be in a template, planted there: a gate names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.pipeline import Pipeline
from tests.infra.gates import nag


def public_bucket(pipeline: Pipeline) -> None:
    s3.Bucket(
        pipeline.storage,
        "Planted",
        block_public_access=s3.BlockPublicAccess(
            block_public_acls=False,
            block_public_policy=False,
            ignore_public_acls=False,
            restrict_public_buckets=False,
        ),
    )


def full_access(pipeline: Pipeline) -> None:
    iam.Role(
        pipeline.processing,
        "Planted",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonS3FullAccess")],
    )


def pass_any_role(pipeline: Pipeline) -> None:
    role = iam.Role(
        pipeline.processing, "Planted", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")
    )
    role.add_to_policy(iam.PolicyStatement(actions=["iam:PassRole"], resources=["*"]))


def every_action(pipeline: Pipeline) -> None:
    role = iam.Role(
        pipeline.processing, "Planted", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")
    )
    role.add_to_policy(
        iam.PolicyStatement(actions=["s3:*"], resources=[pipeline.storage.lake.bucket.bucket_arn])
    )


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (public_bucket, ("AwsSolutions-S2", "", "Planted/Resource")),
        (
            full_access,
            (
                "AwsSolutions-IAM4",
                "Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonS3FullAccess",
                "Planted/Resource",
            ),
        ),
        (
            pass_any_role,
            ("AwsSolutions-IAM5", "Resource::*", "Planted/DefaultPolicy/Resource"),
        ),
        (
            every_action,
            ("AwsSolutions-IAM5", "Action::s3:*", "Planted/DefaultPolicy/Resource"),
        ),
    ],
)
def test_what_is_planted_is_found_and_not_explained(
    plant: Callable[[Pipeline], None], named: tuple[str, str, str], tmp_path: Path
) -> None:
    unexplained = {
        (finding.rule, finding.detail, finding.path)
        for finding in nag.find("dev", tmp_path, plant=plant)
        if not finding.is_acknowledged
    }
    assert named in unexplained
    assert {path.split("/")[0] for _, _, path in unexplained} == {"Planted"}
