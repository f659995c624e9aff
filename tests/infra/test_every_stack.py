"""What holds for the whole of an environment."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.infra.conftest import JsonObject, Synthesis, listed
from tidelake.contract.deployment import Output, StackRole

# Properties that would give a resource a name of ours; the tables of the catalog need one, an SSM
# parameter is how stacks find each other, and EMR's is a label, which need not be unique.
_NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
}


def statements(synthesis: Synthesis) -> Iterator[JsonObject]:
    """Every statement that grants something to one of our roles."""
    for policy in synthesis.resources("AWS::IAM::Policy"):
        yield from policy["Properties"]["PolicyDocument"]["Statement"]


def test_every_output_of_the_contract_is_there(synthesis: Synthesis) -> None:
    for output in Output:
        outputs = synthesis.documents[output.stack]["Outputs"]
        assert output.key in outputs or not output.always
        assert "Export" not in outputs.get(output.key, {})


def test_a_persistent_cluster_alone_has_an_id_to_tell(
    persistent: Synthesis, dev: Synthesis
) -> None:
    def outputs(synthesis: Synthesis) -> JsonObject:
        found: JsonObject = synthesis.documents[StackRole.PROCESSING]["Outputs"]
        return found

    assert "ClusterId" in outputs(persistent)
    assert "ClusterId" not in outputs(dev)


def test_no_resource_has_a_name_of_ours(synthesis: Synthesis) -> None:
    named = [
        (resource_type, resource["Properties"][name])
        for resource_type, name in _NAMES.items()
        for resource in synthesis.resources(resource_type)
        if name in resource.get("Properties", {})
    ]
    assert named == []


def test_dev_and_prod_stand_side_by_side(dev: Synthesis, prod: Synthesis) -> None:
    def names(synthesis: Synthesis) -> set[str]:
        parameters = synthesis.resources("AWS::SSM::Parameter")
        [database] = synthesis.resources("AWS::Glue::Database")
        return {
            database["Properties"]["DatabaseInput"]["Name"],
            *(p["Properties"]["Name"] for p in parameters if "Name" in p["Properties"]),
        }

    assert names(dev).isdisjoint(names(prod))


def test_no_policy_grants_full_access(synthesis: Synthesis) -> None:
    assert "FullAccess" not in json.dumps(list(synthesis.documents.values()))


def test_no_statement_grants_every_action_of_a_service(synthesis: Synthesis) -> None:
    granted = [
        action
        for statement in statements(synthesis)
        for action in listed(statement["Action"])
        if str(action) == "*" or str(action).endswith(":*")
    ]
    assert granted == []


def test_only_what_takes_no_narrower_resource_is_granted_on_every_one(
    synthesis: Synthesis,
) -> None:
    everywhere = {s["Sid"] for s in statements(synthesis) if "*" in listed(s["Resource"])}
    # Sessions on nodes; launching a cluster by its tag, and finding it.
    launching = {"LaunchCluster", "FindCluster"} if synthesis.environment == "dev" else set()
    assert everywhere == {"TakeSessions"} | launching


def test_the_only_managed_policy_is_that_which_emr_supports(
    synthesis: Synthesis,
) -> None:
    policies = {
        str(policy["Fn::Join"][1][-1]).rsplit("/", 1)[-1]
        for role in synthesis.resources("AWS::IAM::Role")
        for policy in role["Properties"].get("ManagedPolicyArns", [])
    }
    assert policies == {"AmazonEMRServicePolicy_v2"}


def test_ids_that_a_change_may_replace_cross_stacks_by_parameter(synthesis: Synthesis) -> None:
    published = {
        parameter["Properties"]["Name"]
        for parameter in synthesis.resources("AWS::SSM::Parameter")
        if "Name" in parameter["Properties"]
    }
    read = {
        parameter["Default"]
        for parameter in synthesis.documents[StackRole.MONITORING]["Parameters"].values()
        if "/tidelake/" in parameter["Default"]
    }
    prefix = f"/tidelake/{synthesis.environment}"
    assert published == read
    on_demand = synthesis.environment == "dev"
    assert read == ({f"{prefix}/cluster"} if not on_demand else set()) | {
        f"{prefix}/delivery-stream",
        f"{prefix}/outcome-function",
        f"{prefix}/sweep-function",
        f"{prefix}/trigger-dead-letters",
        f"{prefix}/trigger-function",
        f"{prefix}/trigger-queue",
    }


def test_no_stack_exports_anything(synthesis: Synthesis) -> None:
    exports = [
        output
        for document in synthesis.documents.values()
        for output in document.get("Outputs", {}).values()
        if "Export" in output
    ]
    assert exports == []


def test_no_template_names_an_account_or_a_region(synthesis: Synthesis) -> None:
    text = json.dumps(list(synthesis.documents.values()))
    assert "us-east-1" not in text
    assert "000000000000" not in text


@pytest.mark.parametrize("key", ["Project", "Environment", "CostCenter", "Owner"])
def test_what_costs_money_carries_the_tags(synthesis: Synthesis, key: str) -> None:
    for resource_type in (
        "AWS::EMR::Cluster",
        "AWS::Kinesis::Stream",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Lambda::Function",
        "AWS::S3::Bucket",
        "AWS::EC2::VPCEndpoint",
    ):
        for resource in synthesis.resources(resource_type):
            tags = {tag["Key"] for tag in resource.get("Properties", {}).get("Tags", [])}
            is_provider_of_cdk = str(resource.get("Properties", {}).get("Handler")) == (
                "index.handler"
            )
            assert key in tags or is_provider_of_cdk, resource_type


def test_every_log_group_is_encrypted_and_expires(synthesis: Synthesis) -> None:
    groups = synthesis.resources("AWS::Logs::LogGroup")
    # Those of delivery, trigger, outcome, sweep and emptying; in prod, of connections instead of
    # emptying.
    expected_days = {"local": [1] * 5, "dev": [7] * 5, "prod": [90, 365, 365, 365, 365]}
    days = sorted(group["Properties"]["RetentionInDays"] for group in groups)
    assert days == expected_days[synthesis.environment]
    assert all("KmsKeyId" in group["Properties"] for group in groups)


def test_no_function_makes_a_log_group_by_itself(synthesis: Synthesis) -> None:
    # Such a group would outlive its stack, unencrypted.
    functions = synthesis.resources("AWS::Lambda::Function")
    assert len(functions) == (3 if synthesis.environment == "prod" else 4)
    for function in functions:
        assert "Ref" in function["Properties"]["LoggingConfig"]["LogGroup"]
    assert "logs:CreateLogGroup" not in json.dumps(list(synthesis.documents.values()))
    assert "AWSLambdaBasicExecutionRole" not in json.dumps(list(synthesis.documents.values()))


def test_a_service_that_says_for_whom_it_acts_may_act_for_this_account_alone(
    synthesis: Synthesis,
) -> None:
    # Neither Lambda nor EC2 says so as it takes on a function's or a node's role.
    silent = {"lambda.amazonaws.com", "ec2.amazonaws.com"}
    trusts = [
        statement
        for role in synthesis.resources("AWS::IAM::Role")
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"]["Service"] not in silent
    ]
    # Firehose, EMR, the scheduler of maintenance; in prod, flow logs.
    expected = {"local": 2, "dev": 3, "prod": 4}
    assert len(trusts) == expected[synthesis.environment]
    for statement in trusts:
        account = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
        assert account == {"Ref": "AWS::AccountId"}


@pytest.mark.parametrize("environment", ["local", "dev"])
def test_nothing_outlives_the_stacks_of_an_environment_that_keeps_no_data(
    environment: str, syntheses: dict[str, Synthesis]
) -> None:
    kept = [
        (name, resource["Type"])
        for document in syntheses[environment].documents.values()
        for name, resource in document["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    ]
    assert kept == []
