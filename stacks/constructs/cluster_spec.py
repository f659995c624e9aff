"""One description of a cluster: for CloudFormation, and for launches on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_emr as emr
from constructs import Construct

_DIFFERENT_NAMES = {"ConfigurationProperties": "Properties", "SizeInGb": "SizeInGB"}
"""Where the API's name is not the property's with a capital letter."""
_FREE_FORM = "ConfigurationProperties"
"""Whose keys are Spark's and Hadoop's own."""
_ROLES = {
    "MasterInstanceGroup": ("InstanceGroups", "InstanceRole", "MASTER"),
    "CoreInstanceGroup": ("InstanceGroups", "InstanceRole", "CORE"),
    "TaskInstanceGroups": ("InstanceGroups", "InstanceRole", "TASK"),
    "MasterInstanceFleet": ("InstanceFleets", "InstanceFleetType", "MASTER"),
    "CoreInstanceFleet": ("InstanceFleets", "InstanceFleetType", "CORE"),
    "TaskInstanceFleets": ("InstanceFleets", "InstanceFleetType", "TASK"),
}
"""Nodes are named in templates and listed in the API, each entry with its role."""


@dataclass(frozen=True, kw_only=True)
class ClusterSpec:
    """Everything that a cluster is made of, whoever makes it."""

    name: str
    release_label: str
    applications: tuple[str, ...]
    configurations: Mapping[str, Mapping[str, str]]
    """Settings by classification."""
    instances: emr.CfnCluster.JobFlowInstancesConfigProperty
    managed_scaling: emr.CfnCluster.ManagedScalingPolicyProperty | None
    auto_scaling_role: str | None
    security_configuration: str
    job_flow_role: str
    service_role: str
    log_uri: str
    step_concurrency: int

    def cluster(self, scope: Construct, construct_id: str) -> emr.CfnCluster:
        """A cluster of the stack's own, which lasts."""
        return emr.CfnCluster(
            scope,
            construct_id,
            name=self.name,
            release_label=self.release_label,
            applications=[
                emr.CfnCluster.ApplicationProperty(name=name) for name in self.applications
            ],
            configurations=[
                emr.CfnCluster.ConfigurationProperty(
                    classification=name, configuration_properties=properties
                )
                for name, properties in self.configurations.items()
            ],
            instances=self.instances,
            managed_scaling_policy=self.managed_scaling,
            auto_scaling_role=self.auto_scaling_role,
            security_configuration=self.security_configuration,
            job_flow_role=self.job_flow_role,
            service_role=self.service_role,
            log_uri=self.log_uri,
            step_concurrency_level=self.step_concurrency,
            visible_to_all_users=True,
        )

    def launch_request(
        self, scope: Construct, *, idle_seconds: int, tags: Mapping[str, str]
    ) -> str:
        """RunJobFlow's parameters, as JSON, for a cluster that ends itself when it is idle.

        It has to fit into one parameter of Systems Manager; a test holds the largest
        configuration to that.
        """
        stack = cdk.Stack.of(scope)
        request = {
            "Name": self.name,
            "ReleaseLabel": self.release_label,
            "Applications": [{"Name": name} for name in self.applications],
            "Configurations": [
                {"Classification": name, "Properties": dict(properties)}
                for name, properties in self.configurations.items()
            ],
            "Instances": _listed_nodes(_api_names(stack.resolve(self.instances))),
            "SecurityConfiguration": self.security_configuration,
            "JobFlowRole": self.job_flow_role,
            "ServiceRole": self.service_role,
            "LogUri": self.log_uri,
            "StepConcurrencyLevel": self.step_concurrency,
            "VisibleToAllUsers": True,
            "AutoTerminationPolicy": {"IdleTimeout": idle_seconds},
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }
        if self.managed_scaling is not None:
            request["ManagedScalingPolicy"] = _api_names(stack.resolve(self.managed_scaling))
        return stack.to_json_string(request)


def _api_names(value: Any) -> Any:
    """A resolved property as the API has it: `instanceCount` becomes `InstanceCount`."""
    if isinstance(value, list):
        return [_api_names(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if any(key == "Ref" or key.startswith("Fn::") for key in value):
        # Known at deployment: as a token, or it would become part of the text.
        return cdk.Token.as_any(value)
    renamed = {}
    for key, entry in value.items():
        name = key[0].upper() + key[1:]
        kept = entry if name == _FREE_FORM else _api_names(entry)
        renamed[_DIFFERENT_NAMES.get(name, name)] = kept
    return renamed


def _listed_nodes(instances: Mapping[str, Any]) -> dict[str, Any]:
    request = {name: value for name, value in instances.items() if name not in _ROLES}
    for name, (listing, key, role) in _ROLES.items():
        value = instances.get(name, [])
        nodes = value if isinstance(value, list) else [value]
        listed = [{**node, key: role} for node in nodes]
        if listed:
            request[listing] = [*request.get(listing, []), *listed]
    return request
