"""Resource types that only the extension knows, deployed to the real local AWS."""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

Resources: TypeAlias = dict[str, Any]

CLUSTER = {
    "Type": "AWS::EMR::Cluster",
    "Properties": {
        "Name": "from-a-stack",
        "ReleaseLabel": "emr-7.13.0",
        "JobFlowRole": "nodes",
        "ServiceRole": "service",
        "StepConcurrencyLevel": 2,
        "Tags": [{"Key": "owner", "Value": "data"}],
        "Configurations": [
            {"Classification": "spark-defaults", "ConfigurationProperties": {"spark.x": "1"}}
        ],
        "ManagedScalingPolicy": {
            "ComputeLimits": {
                "UnitType": "Instances",
                "MinimumCapacityUnits": 1,
                "MaximumCapacityUnits": 3,
            }
        },
        "Instances": {
            "MasterInstanceGroup": {"InstanceCount": 1, "InstanceType": "m5.xlarge"},
            "CoreInstanceGroup": {"InstanceCount": 1, "InstanceType": "m5.xlarge"},
        },
    },
}
ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "Namespace": "Mine",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    },
}


class Stack:
    """A stack of its own name, deployed and deleted by a test."""

    def __init__(self, local_aws: LocalAwsUnderTest) -> None:
        self.aws = local_aws
        self.name = f"types-{uuid.uuid4().hex[:8]}"
        self._cloudformation = local_aws.client("cloudformation")

    def create(self, resources: Resources) -> str:
        self._cloudformation.create_stack(StackName=self.name, TemplateBody=_template(resources))
        return self._settled()

    def update(self, resources: Resources) -> str:
        self._cloudformation.update_stack(StackName=self.name, TemplateBody=_template(resources))
        return self._settled()

    def delete(self) -> str:
        stack = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        self._cloudformation.delete_stack(StackName=self.name)
        return self._settled(stack["StackId"])

    def ref(self, logical_id: str) -> str:
        found = self._cloudformation.describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _settled(self, name: str | None = None) -> str:
        deadline = time.monotonic() + 30
        while True:
            stacks = self._cloudformation.describe_stacks(
                StackName=self.name if name is None else name
            )
            status = str(stacks["Stacks"][0]["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _template(resources: Resources) -> str:
    return json.dumps({"Resources": resources})


def changed(resource: Resources, **properties: Any) -> Resources:
    """A resource with some properties replaced; None takes one away."""
    copied = copy.deepcopy(resource)
    copied["Properties"] |= properties
    copied["Properties"] = {k: v for k, v in copied["Properties"].items() if v is not None}
    return copied


@pytest.fixture
def stack(local_aws: LocalAwsUnderTest) -> Iterator[Stack]:
    found = Stack(local_aws)
    yield found
    stacks = local_aws.client("cloudformation").list_stacks()["StackSummaries"]
    if any(s["StackName"] == found.name and "DELETE" not in s["StackStatus"] for s in stacks):
        found.delete()


def described(stack: Stack) -> dict[str, Any]:
    emr = stack.aws.client("emr")
    cluster: dict[str, Any] = emr.describe_cluster(ClusterId=stack.ref("Cluster"))["Cluster"]
    return cluster


def test_stack_with_a_cluster_is_complete_when_the_cluster_waits(stack: Stack) -> None:
    assert stack.create({"Cluster": CLUSTER}) == "CREATE_COMPLETE"
    cluster = described(stack)
    assert cluster["Status"]["State"] == "WAITING"
    assert cluster["StepConcurrencyLevel"] == 2
    assert cluster["Configurations"] == [
        {"Classification": "spark-defaults", "Properties": {"spark.x": "1"}}
    ]
    assert {"Key": "owner", "Value": "data"} in cluster["Tags"]


def test_cluster_has_the_instance_groups_of_its_template(stack: Stack) -> None:
    stack.create({"Cluster": CLUSTER})
    groups = stack.aws.client("emr").list_instance_groups(ClusterId=stack.ref("Cluster"))
    found = [(g["InstanceGroupType"], g["InstanceType"]) for g in groups["InstanceGroups"]]
    assert found == [("MASTER", "m5.xlarge"), ("CORE", "m5.xlarge")]


def test_cluster_is_updated_in_place_where_emr_can(stack: Stack) -> None:
    stack.create({"Cluster": CLUSTER})
    before = stack.ref("Cluster")
    updated = changed(CLUSTER, StepConcurrencyLevel=5, ManagedScalingPolicy=None)
    updated["Properties"]["Instances"]["CoreInstanceGroup"]["InstanceCount"] = 2
    assert stack.update({"Cluster": updated}) == "UPDATE_COMPLETE"
    assert stack.ref("Cluster") == before
    assert described(stack)["StepConcurrencyLevel"] == 5
    emr = stack.aws.client("emr")
    assert "ManagedScalingPolicy" not in emr.get_managed_scaling_policy(ClusterId=before)
    groups = emr.list_instance_groups(ClusterId=before)["InstanceGroups"]
    assert [group["RequestedInstanceCount"] for group in groups] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"ReleaseLabel": "emr-7.14.0"},
        {"Configurations": []},
        {"Instances": {"MasterInstanceGroup": {"InstanceCount": 1, "InstanceType": "m5.2xlarge"}}},
    ],
)
def test_cluster_is_replaced_where_emr_cannot_change_it(
    stack: Stack, change: dict[str, Any]
) -> None:
    stack.create({"Cluster": CLUSTER})
    before = stack.ref("Cluster")
    assert stack.update({"Cluster": changed(CLUSTER, **change)}) == "UPDATE_COMPLETE"
    after = stack.ref("Cluster")
    assert after != before
    emr = stack.aws.client("emr")
    old = emr.describe_cluster(ClusterId=before)["Cluster"]["Status"]["State"]
    assert (old, described(stack)["Status"]["State"]) == ("TERMINATED", "WAITING")


def test_deleted_stack_has_terminated_its_cluster(stack: Stack) -> None:
    stack.create({"Cluster": CLUSTER})
    cluster_id = stack.ref("Cluster")
    assert stack.delete() == "DELETE_COMPLETE"
    emr = stack.aws.client("emr")
    state = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"]
    assert state == "TERMINATED"


def test_protected_cluster_keeps_its_stack_from_being_deleted(stack: Stack) -> None:
    protected = copy.deepcopy(CLUSTER)
    instances: dict[str, Any] = protected["Properties"]["Instances"]  # type: ignore[index]
    instances["TerminationProtected"] = True
    stack.create({"Cluster": protected})
    assert stack.delete() == "DELETE_FAILED"
    stack.aws.client("emr").set_termination_protection(
        JobFlowIds=[stack.ref("Cluster")], TerminationProtected=False
    )


def _composite(stack: Stack) -> bool:
    cloudwatch = stack.aws.client("cloudwatch")
    found = cloudwatch.describe_alarms(
        AlarmNames=[stack.ref("Under")], AlarmTypes=["CompositeAlarm"]
    )
    return [a["AlarmRule"] for a in found["CompositeAlarms"]] == [f"ALARM({stack.ref('Alarm')})"]


def _math(stack: Stack) -> bool:
    found = stack.aws.client("cloudwatch").describe_alarms(AlarmNames=[stack.ref("Under")])
    return [m["Id"] for a in found["MetricAlarms"] for m in a["Metrics"]] == ["rate"]


def _consumer(stack: Stack) -> bool:
    found = stack.aws.client("kinesis").describe_stream_consumer(ConsumerARN=stack.ref("Under"))
    return bool(found["ConsumerDescription"]["ConsumerName"] == "fan-out")


def _query(stack: Stack) -> bool:
    found = stack.aws.client("athena").get_named_query(NamedQueryId=stack.ref("Under"))
    return bool(found["NamedQuery"]["QueryString"] == "SELECT 1")


def _rule(stack: Stack, permissions: str) -> bool:
    groups = stack.aws.client("ec2").describe_security_groups(GroupIds=[stack.ref("Group")])
    rules = groups["SecurityGroups"][0][permissions]
    return 443 in [rule.get("FromPort") for rule in rules]


def _ingress(stack: Stack) -> bool:
    return _rule(stack, "IpPermissions")


def _egress(stack: Stack) -> bool:
    return _rule(stack, "IpPermissionsEgress")


def _trail(stack: Stack) -> bool:
    return bool(stack.aws.client("cloudtrail").get_trail(Name=stack.ref("Under"))["Trail"])


def _budget(stack: Stack) -> bool:
    budgets = stack.aws.client("budgets")
    found = budgets.describe_budget(AccountId="000000000000", BudgetName=stack.ref("Under"))
    return bool(found["Budget"]["BudgetLimit"]["Amount"] == "10")


def _flow_log(stack: Stack) -> bool:
    found = stack.aws.client("ec2").describe_flow_logs(FlowLogIds=[stack.ref("Under")])
    return bool(found["FlowLogs"][0]["ResourceId"] == stack.ref("Network"))


def _security_configuration(stack: Stack) -> bool:
    emr = stack.aws.client("emr")
    return bool(emr.describe_security_configuration(Name=stack.ref("Under")))


def _task_group(stack: Stack) -> bool:
    emr = stack.aws.client("emr")
    groups = emr.list_instance_groups(ClusterId=stack.ref("Cluster"))["InstanceGroups"]
    return stack.ref("Under") in [group["Id"] for group in groups]


def _default_group(stack: Stack) -> bool:
    return bool(stack.ref("Under"))


NETWORK = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
GROUP = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "under test"}}
BUCKET = {"Type": "AWS::S3::Bucket"}
STREAM = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
RULE = {"GroupId": {"Ref": "Group"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
COMPARISON = {"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
BUDGET = {
    "BudgetType": "COST",
    "TimeUnit": "MONTHLY",
    "BudgetLimit": {"Amount": 10, "Unit": "USD"},
}

TYPES: dict[str, tuple[Resources, Resources, Callable[[Stack], bool]]] = {
    "AWS::CloudWatch::CompositeAlarm": (
        {"Alarm": ALARM},
        {"AlarmRule": {"Fn::Sub": "ALARM(${Alarm})"}},
        _composite,
    ),
    "AWS::CloudWatch::Alarm": (
        {},
        {"Metrics": [{"Id": "rate", "Expression": "1 / 2"}], **COMPARISON},
        _math,
    ),
    "AWS::Kinesis::StreamConsumer": (
        {"Stream": STREAM},
        {"ConsumerName": "fan-out", "StreamARN": {"Fn::GetAtt": ["Stream", "Arn"]}},
        _consumer,
    ),
    "AWS::Athena::NamedQuery": ({}, {"Database": "db", "QueryString": "SELECT 1"}, _query),
    "AWS::EC2::SecurityGroupIngress": (
        {"Group": GROUP},
        {**RULE, "SourceSecurityGroupId": {"Ref": "Group"}},
        _ingress,
    ),
    "AWS::EC2::SecurityGroupEgress": (
        {"Group": GROUP},
        {**RULE, "CidrIp": "10.0.0.0/8"},
        _egress,
    ),
    "AWS::CloudTrail::Trail": (
        {"Bucket": BUCKET},
        {"S3BucketName": {"Ref": "Bucket"}, "IsLogging": True},
        _trail,
    ),
    "AWS::Budgets::Budget": ({}, {"Budget": BUDGET}, _budget),
    "AWS::EC2::FlowLog": (
        {"Network": NETWORK, "Bucket": BUCKET},
        {
            "ResourceId": {"Ref": "Network"},
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "LogDestinationType": "s3",
            "LogDestination": {"Fn::GetAtt": ["Bucket", "Arn"]},
        },
        _flow_log,
    ),
    "AWS::EMR::SecurityConfiguration": (
        {},
        {"SecurityConfiguration": {"EncryptionConfiguration": {}}},
        _security_configuration,
    ),
    "AWS::EMR::InstanceGroupConfig": (
        {"Cluster": CLUSTER},
        {
            "JobFlowId": {"Ref": "Cluster"},
            "InstanceCount": 1,
            "InstanceRole": "TASK",
            "InstanceType": "m5.xlarge",
        },
        _task_group,
    ),
    "Custom::VpcRestrictDefaultSG": ({}, {"ServiceToken": "unused"}, _default_group),
}


@pytest.mark.parametrize("name", TYPES)
def test_resource_of_the_type_is_there_for_any_client_and_goes_with_its_stack(
    stack: Stack, name: str
) -> None:
    others, properties, is_there = TYPES[name]
    resources = others | {"Under": {"Type": name, "Properties": properties}}
    assert stack.create(resources) == "CREATE_COMPLETE"
    assert is_there(stack)
    assert stack.delete() == "DELETE_COMPLETE"


def test_numbers_and_truths_that_a_template_writes_as_text_are_understood(stack: Stack) -> None:
    written = changed(CLUSTER, StepConcurrencyLevel="3", VisibleToAllUsers="false")
    assert stack.create({"Cluster": written}) == "CREATE_COMPLETE"
    cluster = described(stack)
    assert (cluster["StepConcurrencyLevel"], cluster["VisibleToAllUsers"]) == (3, False)
