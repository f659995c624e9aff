"""The check of a given VPC, against moto's EC2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tidelake import cli
from tidelake.operations.vpc_check import check_vpc

REGION = "eu-central-1"
TAGS = [{"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}]
SERVICES = (
    *("elasticmapreduce", "glue", "kms", "logs", "monitoring", "ssm", "ssmmessages", "sts"),
)


class Network:
    """A VPC with one private subnet that has all that the cluster needs."""

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            ec2.modify_vpc_attribute(VpcId=self.vpc, **{attribute: {"Value": True}})
        subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24")["Subnet"]
        self.subnet = subnet["SubnetId"]
        ec2.create_tags(Resources=[self.vpc, self.subnet], Tags=TAGS)
        self.table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=self.table, SubnetId=self.subnet)
        self.endpoints = {
            "s3": self.add_endpoint("s3", VpcEndpointType="Gateway", RouteTableIds=[self.table])
        }
        for service in SERVICES:
            self.endpoints[service] = self.add_endpoint(
                service, VpcEndpointType="Interface", PrivateDnsEnabled=True
            )

    def add_endpoint(self, service: str, **how: Any) -> str:
        name = f"com.amazonaws.{REGION}.{service}"
        endpoint = self.ec2.create_vpc_endpoint(VpcId=self.vpc, ServiceName=name, **how)
        endpoint_id: str = endpoint["VpcEndpoint"]["VpcEndpointId"]
        return endpoint_id

    def remove(self, service: str) -> None:
        self.ec2.delete_vpc_endpoints(VpcEndpointIds=[self.endpoints[service]])

    def take_the_way_out(self) -> None:
        """By NAT instead of by endpoints."""
        for service in self.endpoints:
            self.remove(service)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=self.subnet, AllocationId=address)
        self.ec2.create_route(
            RouteTableId=self.table,
            DestinationCidrBlock="0.0.0.0/0",
            NatGatewayId=nat["NatGateway"]["NatGatewayId"],
        )

    def missing(self) -> list[str]:
        checks = check_vpc(self.ec2, self.vpc, [self.subnet])
        return [str(check) for check in checks if not check.is_met]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws():
        yield Network(boto3.client("ec2", region_name=REGION))


def test_a_vpc_that_has_everything_passes_with_a_line_for_each_check(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check-vpc", "--vpc", network.vpc, "--subnet", network.subnet]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ok      {network.vpc} exists"
    assert f"ok      {network.subnet} reaches glue" in lines
    assert len(lines) == 4 + 3 + 9
    assert all(line.startswith("ok ") for line in lines)


def test_what_is_missing_is_said_with_its_remedy_and_exit_status_1(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    network.remove("glue")
    assert cli.main(["check-vpc", "--vpc", network.vpc, "--subnet", network.subnet]) == 1
    assert (
        f"MISSING {network.subnet} reaches glue: "
        "add an interface endpoint of glue with private DNS\n"
    ) in capsys.readouterr().out


def test_each_tag_is_looked_for(network: Network) -> None:
    tag = "tag it for-use-with-amazon-emr-managed-policies=true"
    network.ec2.delete_tags(Resources=[network.vpc, network.subnet], Tags=TAGS)
    assert network.missing() == [
        f"MISSING {network.vpc} bears EMR's tag: {tag}",
        f"MISSING {network.subnet} bears EMR's tag: {tag}",
    ]


@pytest.mark.parametrize("attribute", ["enableDnsSupport", "enableDnsHostnames"])
def test_names_have_to_resolve_in_the_vpc(attribute: str, network: Network) -> None:
    argument = attribute[0].upper() + attribute[1:]
    network.ec2.modify_vpc_attribute(VpcId=network.vpc, **{argument: {"Value": False}})
    assert network.missing() == [
        f"MISSING {network.vpc} has {attribute}: turn it on; endpoints need it"
    ]


def test_an_endpoint_without_private_dns_is_not_reached(network: Network) -> None:
    network.remove("sts")
    endpoint = network.add_endpoint("sts", VpcEndpointType="Interface", PrivateDnsEnabled=False)
    assert network.missing() == [
        f"MISSING {network.subnet} reaches sts: turn private DNS on for {endpoint}"
    ]


def test_the_gateway_of_s3_has_to_be_in_the_table_of_the_subnet(network: Network) -> None:
    network.remove("s3")
    assert network.missing() == [
        f"MISSING {network.subnet} reaches s3: add a gateway endpoint of S3 to {network.table}"
    ]


def test_a_way_out_reaches_what_has_no_endpoint(network: Network) -> None:
    network.take_the_way_out()
    assert network.missing() == []


def test_a_way_out_whose_end_was_deleted_reaches_nothing(network: Network) -> None:
    def delete_ends(parsed: Any, **_: Any) -> None:
        for table in parsed["RouteTables"]:
            for route in table["Routes"]:
                route["State"] = "blackhole"

    # moto keeps a route active without its NAT gateway.
    network.ec2.meta.events.register("after-call.ec2.DescribeRouteTables", delete_ends)
    network.take_the_way_out()
    assert len(network.missing()) == 1 + len(SERVICES)


def test_a_public_subnet_is_refused(network: Network) -> None:
    gateway = network.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    network.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    network.ec2.create_route(
        RouteTableId=network.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
    [line] = network.missing()
    assert line.startswith(f"MISSING {network.subnet} has no way in from the internet: take the")


def test_a_subnet_of_another_vpc_is_refused(network: Network) -> None:
    other = Network(network.ec2)
    checks = check_vpc(network.ec2, network.vpc, [other.subnet])
    assert [str(check) for check in checks if not check.is_met] == [
        f"MISSING {other.subnet} is in {network.vpc}: name a subnet of that VPC"
    ]


def test_a_vpc_that_is_not_there_ends_the_check(network: Network) -> None:
    checks = list(check_vpc(network.ec2, "vpc-0123456789abcdef0", [network.subnet]))
    assert [str(check) for check in checks] == [
        "MISSING vpc-0123456789abcdef0 exists: name one of this account and region"
    ]


def test_a_region_that_is_set_to_nothing_is_refused(
    network: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "")
    assert cli.main(["check-vpc", "--vpc", network.vpc, "--subnet", network.subnet]) == 2
    assert "AWS_REGION = '' is not allowed" in capsys.readouterr().err
