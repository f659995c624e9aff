"""The cluster's own network, without a way to the internet."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.config import NetworkConfig

EMR_POLICY_TAG = ("for-use-with-amazon-emr-managed-policies", "true")
"""What EMR's managed service policy demands of all that it may touch."""

# EMR's service and its primary node talk on these ports; see "Working with Amazon EMR-managed
# security groups" in the EMR management guide.
_NODE_PORT = 8443
_SERVICE_PORT = 9443
_HTTPS_PORT = 443


class PrivateNetwork(Construct):
    """A VPC of private subnets: S3 and DynamoDB by gateway, other services by interface.

    The security groups carry every rule that EMR needs, so that it adds none of its own: those
    would refer to each other and keep the stack from being deleted.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: NetworkConfig) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(config.cidr),
            max_azs=config.availability_zones,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(
                    service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
                ),
            },
            # Nothing uses the default group; emptying it would take a function of its own.
            restrict_default_security_group=False,
        )
        self.primary_group = self._group("PrimaryNode", "tidelake: EMR primary node")
        self.core_group = self._group("CoreNodes", "tidelake: EMR core and task nodes")
        self.service_group = self._group("ServiceAccess", "tidelake: EMR service")
        self._connect_nodes()
        self._add_endpoints(config.interface_endpoints)
        cdk.Tags.of(self).add(*EMR_POLICY_TAG)

    @property
    def subnet(self) -> ec2.ISubnet:
        """The subnet of the cluster; instance groups live in one."""
        return self.vpc.isolated_subnets[0]

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self,
            construct_id,
            vpc=self.vpc,
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
            self.vpc.add_interface_endpoint(
                f"Endpoint-{service}",
                service=ec2.InterfaceVpcEndpointAwsService(service),
                security_groups=[group],
                open=False,
            )
