"""The cluster by its options: nodes, scaling, encryption, and a VPC that is given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.conftest import Configured, JsonObject, Synthesis, listed
from tidelake.contract.deployment import StackRole

VPC = "vpc-0123456789abcdef0"
SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


def cluster(synthesis: Synthesis) -> JsonObject:
    [found] = synthesis.resources("AWS::EMR::Cluster")
    properties: JsonObject = found["Properties"]
    return properties


def security(synthesis: Synthesis) -> JsonObject:
    [found] = synthesis.resources("AWS::EMR::SecurityConfiguration")
    settings: JsonObject = found["Properties"]["SecurityConfiguration"]
    return settings


def endpoint_statements(synthesis: Synthesis, service: str) -> dict[str, JsonObject]:
    [endpoint] = [
        endpoint["Properties"]
        for endpoint in synthesis.resources("AWS::EC2::VPCEndpoint")
        if endpoint["Properties"]["ServiceName"]["Fn::Join"][1][-1] == f".{service}"
    ]
    return {entry["Sid"]: entry for entry in endpoint["PolicyDocument"]["Statement"]}


def bucket_names(statement: JsonObject) -> list[str]:
    """The buckets that a statement names, with R for the region."""
    return sorted(
        "".join(
            part if isinstance(part, str) else "R" for part in arn["Fn::Join"][1][2:]
        ).removeprefix(":s3:::")
        for arn in listed(statement["Resource"])
    )


def test_options_of_groups_reach_the_cluster(configured: Configured) -> None:
    found = cluster(
        configured(
            cluster={
                "primary_instance_type": "m6g.2xlarge",
                "core_instance_type": "r6g.xlarge",
                "core_instances": 3,
                "maximum_instances": 3,
                "volume_gib": 100,
                "step_concurrency": 4,
            }
        )
    )
    assert found["StepConcurrencyLevel"] == 4
    assert found["Instances"]["MasterInstanceGroup"]["InstanceType"] == "m6g.2xlarge"
    core = found["Instances"]["CoreInstanceGroup"]
    assert (core["InstanceType"], core["InstanceCount"]) == ("r6g.xlarge", 3)
    [volume] = core["EbsConfiguration"]["EbsBlockDeviceConfigs"]
    assert volume["VolumeSpecification"] == {"SizeInGB": 100, "VolumeType": "gp3"}
    assert "TaskInstanceGroups" not in found["Instances"]


def test_task_nodes_are_on_spot_and_take_all_of_the_scaling(configured: Configured) -> None:
    found = cluster(
        configured(
            cluster={
                "core_instances": 2,
                "task_instances": 1,
                "task_instance_types": ["m6i.xlarge"],
                "maximum_instances": 8,
            }
        )
    )
    [task] = found["Instances"]["TaskInstanceGroups"]
    assert (task["Market"], task["InstanceType"], task["InstanceCount"]) == (
        "SPOT",
        "m6i.xlarge",
        1,
    )
    assert found["ManagedScalingPolicy"]["ComputeLimits"] == {
        "UnitType": "Instances",
        "MinimumCapacityUnits": 3,
        "MaximumCapacityUnits": 8,
        "MaximumCoreCapacityUnits": 2,
    }


def test_fleets_keep_core_on_demand_and_fall_back_from_spot(configured: Configured) -> None:
    found = cluster(
        configured(
            cluster={
                "capacity": "fleets",
                "core_instances": 2,
                "task_instances": 3,
                "task_instance_types": ["m5.xlarge", "m6i.xlarge"],
                "maximum_instances": 9,
            },
            network={"availability_zones": 2},
        )
    )
    instances = found["Instances"]
    assert len(instances["Ec2SubnetIds"]) == 2
    assert "CoreInstanceGroup" not in instances
    core = instances["CoreInstanceFleet"]
    assert (core["TargetOnDemandCapacity"], core["TargetSpotCapacity"]) == (2, 0)
    [task] = instances["TaskInstanceFleets"]
    assert (task["TargetOnDemandCapacity"], task["TargetSpotCapacity"]) == (0, 3)
    assert [entry["InstanceType"] for entry in task["InstanceTypeConfigs"]] == [
        "m5.xlarge",
        "m6i.xlarge",
    ]
    assert task["LaunchSpecifications"]["SpotSpecification"] == {
        "AllocationStrategy": "price-capacity-optimized",
        "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        "TimeoutDurationMinutes": 10,
    }
    assert found["ManagedScalingPolicy"]["ComputeLimits"]["UnitType"] == "InstanceFleetUnits"


def test_own_rules_on_memory_replace_managed_scaling(configured: Configured) -> None:
    synthesis = configured(
        cluster={"scaling": "yarn_memory", "core_instances": 2, "maximum_instances": 10}
    )
    found = cluster(synthesis)
    assert "ManagedScalingPolicy" not in found
    assert "Ref" in found["AutoScalingRole"]
    policy = found["Instances"]["CoreInstanceGroup"]["AutoScalingPolicy"]
    assert policy["Constraints"] == {"MinCapacity": 2, "MaxCapacity": 10}
    alarms = [rule["Trigger"]["CloudWatchAlarmDefinition"] for rule in policy["Rules"]]
    assert [
        (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"]) for alarm in alarms
    ] == [
        ("YARNMemoryAvailablePercentage", "LESS_THAN", 15),
        ("YARNMemoryAvailablePercentage", "GREATER_THAN", 75),
    ]


def test_managed_scaling_needs_no_role_of_its_own(prod: Synthesis) -> None:
    assert "AutoScalingRole" not in cluster(prod)


def test_cluster_encrypts_at_rest_with_the_lake_key(persistent: Synthesis) -> None:
    [security_id] = [
        name
        for name, resource in persistent.documents[StackRole.PROCESSING]["Resources"].items()
        if resource["Type"] == "AWS::EMR::SecurityConfiguration"
    ]
    assert cluster(persistent)["SecurityConfiguration"] == {"Ref": security_id}
    encryption = security(persistent)["EncryptionConfiguration"]
    assert encryption["EnableAtRestEncryption"] is True
    at_rest = encryption["AtRestEncryptionConfiguration"]
    assert at_rest["S3EncryptionConfiguration"]["EncryptionMode"] == "SSE-KMS"
    disks = at_rest["LocalDiskEncryptionConfiguration"]
    assert (disks["EncryptionKeyProviderType"], disks["EnableEbsEncryption"]) == ("AwsKms", True)
    assert "Fn::GetStackOutput" in disks["AwsKmsKey"]


def test_nodes_take_tokens_alone_for_their_metadata(synthesis: Synthesis) -> None:
    assert security(synthesis)["InstanceMetadataServiceConfiguration"] == {
        "MinimumInstanceMetadataServiceVersion": 2,
        "HttpPutResponseHopLimit": 1,
    }


def test_emr_may_lend_the_key_to_volumes_alone(synthesis: Synthesis) -> None:
    statements = [
        statement
        for policy in synthesis.resources("AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "kms:CreateGrant"
    ]
    assert [statement["Condition"] for statement in statements] == [
        {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    ]


def test_certificates_encrypt_traffic_between_nodes(configured: Configured) -> None:
    synthesis = configured(cluster={"certificates_uri": "s3://company-certificates/emr/nodes.zip"})
    encryption = security(synthesis)["EncryptionConfiguration"]
    assert encryption["EnableInTransitEncryption"] is True
    assert encryption["InTransitEncryptionConfiguration"]["TLSCertificateConfiguration"] == {
        "CertificateProviderType": "PEM",
        "S3Object": "s3://company-certificates/emr/nodes.zip",
    }
    fetching = [
        statement["Resource"]["Fn::Join"][1][-1]
        for policy in synthesis.resources("AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "FetchCertificates"
    ]
    assert fetching == [":s3:::company-certificates/emr/nodes.zip"]


@pytest.mark.parametrize(
    ("capacity", "subnets"),
    [("groups", {"Ec2SubnetId": SUBNETS[0]}), ("fleets", {"Ec2SubnetIds": SUBNETS})],
)
def test_a_given_vpc_gets_security_groups_and_nothing_else(
    capacity: str, subnets: dict[str, Any], configured: Configured
) -> None:
    synthesis = configured(
        network={"vpc_id": VPC, "subnet_ids": SUBNETS},
        cluster={"capacity": capacity},
    )
    instances = cluster(synthesis)["Instances"]
    assert {key: instances[key] for key in instances if "Subnet" in key} == subnets
    for resource_type in ("VPC", "Subnet", "RouteTable", "VPCEndpoint"):
        assert synthesis.resources(f"AWS::EC2::{resource_type}") == []
    groups = synthesis.resources("AWS::EC2::SecurityGroup")
    assert [group["Properties"]["VpcId"] for group in groups] == [VPC] * 3


def test_own_buckets_and_software_alone_pass_the_s3_endpoint(synthesis: Synthesis) -> None:
    statements = endpoint_statements(synthesis, "s3")
    own = {"Ref": "AWS::AccountId"}
    assert statements["OwnBuckets"]["Condition"] == {
        "StringEquals": {"aws:PrincipalAccount": own, "aws:ResourceAccount": own}
    }
    assert "s3:*" not in statements["OwnBuckets"]["Action"]
    software = statements["SoftwareRepositories"]
    assert software["Action"] == "s3:GetObject"
    assert bucket_names(software) == [
        "R.elasticmapreduce/*",
        "al2023-repos-R-de612dc2/*",
        "aws157-instance-data-0-prod-R/*",
        "aws157-instance-data-1-prod-R/*",
        "aws157-instance-data-bucket-0-prod-R/*",
        "aws157-instance-data-bucket-1-prod-R/*",
        "repo.R.emr.amazonaws.com/*",
    ]


def test_emr_may_write_its_logs_and_history_through_the_s3_endpoint(synthesis: Synthesis) -> None:
    statements = endpoint_statements(synthesis, "s3")
    logs, history = statements["SystemLogs"], statements["ApplicationHistory"]
    assert bucket_names(logs) == ["aws157-logs-prod-R/*", "aws157-logs-prod/*"]
    assert bucket_names(history) == ["prod.R.appinfo.src/*"]
    assert "s3:PutObject" in logs["Action"]
    assert "s3:GetObject" not in logs["Action"]
    assert {"s3:PutObject", "s3:GetObject"} <= set(history["Action"])


def test_clients_reach_the_stream_and_no_other_by_an_endpoint(configured: Configured) -> None:
    synthesis = configured(stream={"endpoint_cidrs": ["10.42.8.0/24"]})
    statement = endpoint_statements(synthesis, "kinesis-streams")["OwnStream"]
    stream, consumers = statement["Resource"]
    assert "Fn::GetStackOutput" in stream
    assert consumers["Fn::Join"][1][-1] == "/consumer/*"
    assert {"kinesis:PutRecords", "kinesis:GetRecords"} <= set(statement["Action"])
    [group] = [
        group["Properties"]
        for group in synthesis.resources("AWS::EC2::SecurityGroup")
        if "data stream" in group["Properties"]["GroupDescription"]
    ]
    [admitted] = group["SecurityGroupIngress"]
    assert (admitted["CidrIp"], admitted["FromPort"]) == ("10.42.8.0/24", 443)


def test_the_endpoint_of_the_stream_is_made_in_a_given_vpc_too(configured: Configured) -> None:
    synthesis = configured(
        stream={"endpoint_cidrs": ["10.0.0.0/8"]},
        network={"vpc_id": VPC, "subnet_ids": SUBNETS},
    )
    [endpoint] = synthesis.resources("AWS::EC2::VPCEndpoint")
    assert (endpoint["Properties"]["VpcId"], endpoint["Properties"]["SubnetIds"]) == (VPC, SUBNETS)
    assert endpoint["Properties"]["PrivateDnsEnabled"] is True


def test_an_experimental_release_is_taken_and_said_to_be_one(configured: Configured) -> None:
    synthesis = configured(cluster={"release_label": "emr-spark-8.1.0"})
    assert cluster(synthesis)["Applications"] == [{"Name": "Spark"}]
    [metadata] = synthesis.folder.glob("*processing.metadata.json")
    assert "emr-spark-8.1.0 is experimental: the job is tried on Spark 4.1.1" in (
        metadata.read_text()
    )


@pytest.mark.parametrize("service", ["dynamodb", "glue", "kms", "ssm"])
def test_identities_of_this_account_alone_pass_an_endpoint(service: str, dev: Synthesis) -> None:
    assert endpoint_statements(dev, service)["OwnIdentities"]["Condition"] == {
        "StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}
    }


def test_connections_are_logged_in_prod(prod: Synthesis, dev: Synthesis) -> None:
    [log] = prod.resources("AWS::EC2::FlowLog")
    assert log["Properties"]["TrafficType"] == "ALL"
    assert dev.resources("AWS::EC2::FlowLog") == []
