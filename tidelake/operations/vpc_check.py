"""Whether a VPC that exists already has what the cluster needs; its owner's duty to provide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from tidelake.contract.network import CLUSTER_SERVICES, EMR_POLICY_TAG

_Described: TypeAlias = Mapping[str, Any]
"""A resource as EC2 describes it."""

_TAG = "=".join(EMR_POLICY_TAG)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    is_met: bool
    remedy: str
    """What to do where it is not met."""

    def __str__(self) -> str:
        return f"ok      {self.what}" if self.is_met else f"MISSING {self.what}: {self.remedy}"


def check_vpc(ec2: Any, vpc_id: str, subnet_ids: Sequence[str]) -> Iterator[Check]:
    """Look at a VPC and those of its subnets that the cluster is to start in.

    Only what can be known beforehand: whether an endpoint's security groups and policy admit the
    nodes shows when they start. See "Amazon VPC options" in the EMR management guide.
    """
    vpc = _vpc(ec2, vpc_id)
    yield Check(f"{vpc_id} exists", vpc is not None, "name one of this account and region")
    if vpc is None:
        return
    yield _tagged(vpc_id, vpc)
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        reply = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute)
        is_on: bool = reply[attribute[0].upper() + attribute[1:]]["Value"]
        yield Check(f"{vpc_id} has {attribute}", is_on, "turn it on; endpoints need it")
    subnets = {subnet["SubnetId"]: subnet for subnet in _all(ec2, "describe_subnets", "Subnets")}
    tables = _all(ec2, "describe_route_tables", "RouteTables", vpc_id)
    endpoints = [
        endpoint
        for endpoint in _all(ec2, "describe_vpc_endpoints", "VpcEndpoints")
        if endpoint["VpcId"] == vpc_id and endpoint["State"].lower() == "available"
    ]
    for subnet_id in subnet_ids:
        yield from _check_subnet(subnet_id, subnets.get(subnet_id), vpc_id, tables, endpoints)


def _vpc(ec2: Any, vpc_id: str) -> _Described | None:
    try:
        vpcs: list[_Described] = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith("InvalidVpcI"):
            raise
        return None
    return vpcs[0]


def _all(ec2: Any, operation: str, key: str, vpc_id: str | None = None) -> list[_Described]:
    filters = [] if vpc_id is None else [{"Name": "vpc-id", "Values": [vpc_id]}]
    pages = ec2.get_paginator(operation).paginate(Filters=filters)
    return [described for page in pages for described in page[key]]


def _tagged(resource_id: str, described: _Described) -> Check:
    tags = {(tag["Key"], tag["Value"]) for tag in described.get("Tags", [])}
    return Check(f"{resource_id} bears EMR's tag", EMR_POLICY_TAG in tags, f"tag it {_TAG}")


def _check_subnet(
    subnet_id: str,
    subnet: _Described | None,
    vpc_id: str,
    tables: Sequence[_Described],
    endpoints: Sequence[_Described],
) -> Iterator[Check]:
    is_in = subnet is not None and subnet["VpcId"] == vpc_id
    yield Check(f"{subnet_id} is in {vpc_id}", is_in, "name a subnet of that VPC")
    if subnet is None or not is_in:
        return
    yield _tagged(subnet_id, subnet)
    table = _table_of(subnet_id, tables)
    routes = [_target(route) for route in table["Routes"]]
    is_private = not any(target.startswith("igw-") for target in routes)
    yield Check(
        f"{subnet_id} has no way in from the internet",
        is_private,
        f"take the internet gateway out of {table['RouteTableId']}, or name a private subnet",
    )
    # A way out of the VPC, such as NAT, reaches what has no endpoint; one whose other end was
    # deleted is a black hole.
    has_way_out = any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and route.get("State") != "blackhole"
        and not _target(route).startswith("igw-")
        for route in table["Routes"]
    )
    for service in ("s3", *CLUSTER_SERVICES):
        yield _reached(service, subnet_id, table["RouteTableId"], endpoints, has_way_out)


def _reached(
    service: str,
    subnet_id: str,
    table_id: str,
    endpoints: Iterable[_Described],
    has_way_out: bool,
) -> Check:
    what = f"{subnet_id} reaches {service}"
    of_service = [entry for entry in endpoints if entry["ServiceName"].endswith(f".{service}")]
    if has_way_out or any(table_id in entry.get("RouteTableIds", []) for entry in of_service):
        return Check(what, True, "")
    interfaces = [entry for entry in of_service if entry["VpcEndpointType"] == "Interface"]
    # Otherwise the service's name still leads to the internet.
    is_named = any(entry.get("PrivateDnsEnabled", False) for entry in interfaces)
    if interfaces:
        return Check(what, is_named, f"turn private DNS on for {interfaces[0]['VpcEndpointId']}")
    if service == "s3":
        return Check(what, False, f"add a gateway endpoint of S3 to {table_id}")
    return Check(what, False, f"add an interface endpoint of {service} with private DNS")


def _table_of(subnet_id: str, tables: Sequence[_Described]) -> _Described:
    """The route table of a subnet: its own, or the VPC's main one."""
    associations = [(table, entry) for table in tables for entry in table["Associations"]]
    own = [table for table, entry in associations if entry.get("SubnetId") == subnet_id]
    main = [table for table, entry in associations if entry.get("Main")]
    return (own + main)[0]


def _target(route: _Described) -> str:
    return str(route.get("GatewayId", route.get("NatGatewayId", "")))
