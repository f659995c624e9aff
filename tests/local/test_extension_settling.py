"""Stack operations answer when the stack has settled."""

from __future__ import annotations

import json

import pytest

from tests.conftest import LocalAwsUnderTest
from tidelake.local.extension.settling import requested_action

# Each is made and deleted by a call of the EMR API: the stack takes longer than asking for it.
CONFIGURATIONS = {
    f"Configuration{n}": {
        "Type": "AWS::EMR::SecurityConfiguration",
        "Properties": {"SecurityConfiguration": {"InstanceMetadataServiceConfiguration": {}}},
    }
    for n in range(20)
}
TEMPLATE = json.dumps({"Resources": CONFIGURATIONS})


def test_an_operation_is_known_in_both_protocols() -> None:
    assert requested_action({}, b"Action=DeleteStack&StackName=a") == "DeleteStack"
    assert requested_action({"x-amz-target": "CloudFormation_20100515.DeleteStack"}, b"{}") == (
        "DeleteStack"
    )


@pytest.mark.slow
def test_a_stack_is_settled_when_its_operation_answers(local_aws: LocalAwsUnderTest) -> None:
    cloudformation = local_aws.client("cloudformation")

    stack_id = cloudformation.create_stack(StackName="settling", TemplateBody=TEMPLATE)["StackId"]
    created = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
    cloudformation.delete_stack(StackName="settling")
    deleted = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]

    assert (created, deleted) == ("CREATE_COMPLETE", "DELETE_COMPLETE")
