"""What may be configured of the cluster's network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option
from stacks.sections.logs import LOG_RETENTION_DAYS
from tidelake.contract.network import CLUSTER_SERVICES

_ENDPOINT_SERVICES = (
    *("ec2", "ec2messages", "elasticmapreduce", "glue", "kms", "logs"),
    *("monitoring", "sqs", "ssm", "ssmmessages", "sts"),
)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The cluster's own network: private subnets, no way to the internet, endpoints only."""

    cidr: str = option(
        "10.42.0.0/16",
        "Addresses of the VPC, an IPv4 block from /16 to /24.",
    )
    availability_zones: int = option(
        1,
        "Zones with a subnet and, for each endpoint below, an interface at an hourly price.",
        minimum=1,
        maximum=2,
    )
    interface_endpoints: tuple[str, ...] = option(
        CLUSTER_SERVICES,
        "AWS services that the cluster reaches, besides S3 and DynamoDB.",
        choices=_ENDPOINT_SERVICES,
    )

    vpc_id: str = option(
        "",
        "A VPC that exists already, instead of one of its own; empty for its own. It needs "
        "private subnets, the endpoints below, and EMR's tag on VPC and subnets.",
        pattern=r"(vpc-[0-9a-f]{8,17})?",
        pattern_text="empty, or the id of a VPC, such as vpc-0123456789abcdef0",
    )
    subnet_ids: tuple[str, ...] = option(
        (),
        "Subnets of that VPC, each in a zone of its own; instance groups use the first, instance "
        "fleets choose.",
        pattern=r"subnet-[0-9a-f]{8,17}",
        pattern_text="the id of a subnet, such as subnet-0123456789abcdef0",
    )
    flow_log_days: int = option(
        0,
        "How long the log of all connections in the VPC is kept; 0 keeps none.",
        choices=(0, *LOG_RETENTION_DAYS),
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if bool(self.vpc_id) != bool(self.subnet_ids):
            yield "subnet_ids", list(self.subnet_ids), "one or more if and only if vpc_id is set"
        if self.vpc_id and self.flow_log_days:
            yield "flow_log_days", self.flow_log_days, "0 where vpc_id is set: the VPC is not ours"
        try:
            fits = 16 <= ipaddress.IPv4Network(self.cidr).prefixlen <= 24
        except ValueError:
            fits = False
        if not fits:
            yield "cidr", self.cidr, "an IPv4 block from /16 to /24, such as 10.42.0.0/16"
