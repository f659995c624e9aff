"""The cluster's own network, without a way to the internet."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.endpoint_policies import (
    admit_own_buckets_and_repositories,
    admit_own_identities,
    admit_own_stream,
)
from stacks.constructs.service_logs import service_log_group
from stacks.sections.network import NetworkConfig
from tidelake.contract.network import EMR_POLICY_TAG

# EMR's service and its primary node talk on these ports; see "Working with Amazon EMR-managed
# security groups" in the EMR management guide.
_NODE_PORT = 8443
_SERVICE_PORT = 9443
_HTTPS_PORT = 443


class PrivateNetwork(Construct):
    """A VPC of private subnets: S3 and DynamoDB by gateway, other services by interface.

    Where a VPC is given, only the security groups are made; its endpoints, and EMR's tag on VPC
    and subnets, are then the duty of whoever owns it.

    The security groups carry every rule that EMR needs, so that it adds none of its own: those
    would refer to each other and keep the stack from being deleted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: NetworkConfig,
        key: kms.IKey,
        log_removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        if config.vpc_id:
            # Its zones are needed by nothing here, but CDK takes no empty list.
            self._vpc: ec2.IVpc = ec2.Vpc.from_vpc_attributes(
                self, "Vpc", vpc_id=config.vpc_id, availability_zones=["any"]
            )
            self.subnet_ids = list(config.subnet_ids)
        else:
            own = _own_vpc(self, config)
            if config.flow_log_days:
                _log_connections(own, days=config.flow_log_days, key=key, removal=log_removal)
            self._vpc = own
            self.subnet_ids = [subnet.subnet_id for subnet in own.isolated_subnets]
        self.primary_group = self._group("PrimaryNode", "tidelake: EMR primary node")
        self.core_group = self._group("CoreNodes", "tidelake: EMR core and task nodes")
        self.service_group = self._group("ServiceAccess", "tidelake: EMR service")
        self._connect_nodes()
        if not config.vpc_id:
            self._add_endpoints(config.interface_endpoints)
        cdk.Tags.of(self).add(*EMR_POLICY_TAG)

    def add_stream_endpoint(self, stream: kinesis.IStream, cidrs: Sequence[str]) -> None:
        """Let clients at these addresses reach one data stream without a way to the internet.

        Names of Kinesis resolve to it in the whole VPC, which therefore takes one at most.
        """
        group = self._group("StreamEndpoint", "tidelake: endpoint of the data stream")
        for cidr in cidrs:
            group.add_ingress_rule(
                ec2.Peer.ipv4(cidr), ec2.Port.tcp(_HTTPS_PORT), "clients to the data stream"
            )
        endpoint = self._vpc.add_interface_endpoint(
            "Endpoint-kinesis-streams",
            service=ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
            subnets=self._endpoint_subnets(),
            security_groups=[group],
            open=False,
        )
        admit_own_stream(endpoint, stream)

    def _endpoint_subnets(self) -> ec2.SubnetSelection:
        if isinstance(self._vpc, ec2.Vpc):
            return ec2.SubnetSelection(subnets=self._vpc.isolated_subnets)
        return ec2.SubnetSelection(
            subnets=[_given_subnet(self, subnet_id) for subnet_id in self.subnet_ids]
        )

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self,
            construct_id,
            vpc=self._vpc,
            description=description,
            allow_all_outbound=construct_id != "ServiceAccess",
        )

    def _connect_nodes(self) -> None:
        nodes = (self.primary_group, self.core_group)
        for group in nodes:
            for peer in nodes:
                for traffic in (
                    ec2.Port.all_tcp(),
                    ec2.Port.all_udp(),
                    ec2.Port.all_icmp(),
                ):
                    group.add_ingress_rule(peer, traffic, "between nodes")
            group.connections.allow_from(
                self.service_group, ec2.Port.tcp(_NODE_PORT), "EMR service to nodes"
            )
        self.service_group.connections.allow_from(
            self.primary_group, ec2.Port.tcp(_SERVICE_PORT), "primary node to EMR service"
        )

    def _add_endpoints(self, services: tuple[str, ...]) -> None:
        if not services:
            return
        group = self._group("Endpoints", "tidelake: endpoints of AWS services")
        for peer in (self.primary_group, self.core_group):
            group.add_ingress_rule(peer, ec2.Port.tcp(_HTTPS_PORT), "nodes to AWS services")
        for service in services:
            endpoint = self._vpc.add_interface_endpoint(
                f"Endpoint-{service}",
                service=ec2.InterfaceVpcEndpointAwsService(service),
                security_groups=[group],
                open=False,
            )
            admit_own_identities(endpoint)


def _given_subnet(scope: Construct, subnet_id: str) -> ec2.ISubnet:
    subnet = ec2.Subnet.from_subnet_attributes(
        scope,
        f"Given-{subnet_id}",
        subnet_id=subnet_id,
        # Nothing here needs its zone, but CDK wants one.
        availability_zone="any",
    )
    cdk.Annotations.of(subnet).acknowledge_warning(
        "@aws-cdk/aws-ec2:noSubnetRouteTableId",
        "An interface endpoint is no route, so that no route table is asked for.",
    )
    return subnet


def _own_vpc(scope: Construct, config: NetworkConfig) -> ec2.Vpc:
    vpc = ec2.Vpc(
        scope,
        "Vpc",
        ip_addresses=ec2.IpAddresses.cidr(config.cidr),
        max_azs=config.availability_zones,
        nat_gateways=0,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        ],
        # Nothing uses the default group; emptying it would take a function of its own.
        restrict_default_security_group=False,
    )
    admit_own_buckets_and_repositories(
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3), scope
    )
    admit_own_identities(
        vpc.add_gateway_endpoint("DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
    )
    return vpc


def _log_connections(vpc: ec2.Vpc, *, days: int, key: kms.IKey, removal: cdk.RemovalPolicy) -> None:
    group = service_log_group(vpc, "Connections", retention_days=days, removal=removal, key=key)
    role = iam.Role(
        vpc,
        "FlowLogRole",
        description="VPC: writes the log of connections",
        assumed_by=iam.ServicePrincipal(
            "vpc-flow-logs.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(vpc).account}},
        ),
    )
    vpc.add_flow_log(
        "FlowLog",
        destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role),
        traffic_type=ec2.FlowLogTrafficType.ALL,
    )
