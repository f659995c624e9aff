"""EMR's resource types of CloudFormation, on EMR's own calls."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tidelake.local.extension.emr.records import ENDED_CLUSTER, READY_CLUSTER
from tidelake.local.extension.resource_types import Created, LocalApi, Properties, ResourceType

WAIT_SECONDS = 60
"""How long a cluster may take to be ready, or to end its steps."""

_TEMPLATE_NAMES = {"ConfigurationProperties": "Properties", "StepProperties": "Properties"}
"""Properties that CloudFormation and the API name differently."""

_GROUPS = {"MASTER": "MasterInstanceGroup", "CORE": "CoreInstanceGroup"}
_FLEETS = {"MASTER": "MasterInstanceFleet", "CORE": "CoreInstanceFleet"}
_CHANGEABLE = frozenset({"TerminationProtected", "KeepJobFlowAliveWhenNoSteps", "InstanceCount"})
"""What of `Instances` changes on a running cluster; anything else needs another one."""

_CLUSTER_REPLACING = (
    *("AdditionalInfo", "Applications", "AutoScalingRole", "BootstrapActions", "Configurations"),
    *("CustomAmiId", "EbsRootVolumeIops", "EbsRootVolumeSize", "EbsRootVolumeThroughput"),
    *("JobFlowRole", "KerberosAttributes", "LogEncryptionKmsKeyId", "LogUri", "Name"),
    *("OSReleaseLabel", "PlacementGroupConfigs", "ReleaseLabel", "ScaleDownBehavior"),
    *("SecurityConfiguration", "ServiceRole", "Steps"),
)
_GROUP_REPLACING = (
    *("BidPrice", "Configurations", "CustomAmiId", "EbsConfiguration", "InstanceRole"),
    *("InstanceType", "JobFlowId", "Market", "Name"),
)
_FLEET_REPLACING = ("ClusterId", "InstanceFleetType", "LaunchSpecifications", "Name")
"""The create-only properties of the types' schemas."""


def emr_types(api: LocalApi) -> tuple[ResourceType, ...]:
    """The EMR types that the local CloudFormation knows."""
    return (
        ClusterType(api).resource_type(),
        ResourceType(
            name="AWS::EMR::SecurityConfiguration",
            replacing=("Name", "SecurityConfiguration"),
            create=lambda name, properties: _create_security_configuration(api, name, properties),
            delete=lambda name, _: _delete_security_configuration(api, name),
        ),
        ResourceType(
            name="AWS::EMR::InstanceGroupConfig",
            replacing=_GROUP_REPLACING,
            create=lambda _, properties: _add_instance_group(api, properties),
            update=lambda group_id, _, new: _resize_group(api, group_id, new),
            delete=_keep_until_cluster_ends,
        ),
        ResourceType(
            name="AWS::EMR::InstanceFleetConfig",
            replacing=_FLEET_REPLACING,
            create=lambda _, properties: _add_instance_fleet(api, properties),
            update=lambda fleet_id, _, new: _resize_fleet(api, fleet_id, new),
            delete=_keep_until_cluster_ends,
        ),
    )


class ClusterType:
    """AWS::EMR::Cluster: as on AWS, a stack waits until its cluster is ready, or has ended."""

    def __init__(self, api: LocalApi) -> None:
        self._api = api

    def resource_type(self) -> ResourceType:
        return ResourceType(
            name="AWS::EMR::Cluster",
            create=self.create,
            update=self.update,
            delete=self.delete,
            replacing=_CLUSTER_REPLACING,
            tagged=True,
        )

    def create(self, _: str, properties: Properties) -> Created:
        """Run a cluster and wait until it is ready."""
        reply = self._call("RunJobFlow", run_job_flow_request(properties))
        cluster = self._wait(reply["JobFlowId"], READY_CLUSTER | ENDED_CLUSTER)
        return self._described(cluster)

    def update(self, cluster_id: str, old: Properties, new: Properties) -> Created | None:
        """Change what changes on a running cluster; None where another one is needed."""
        if _fixed_part(old["Instances"]) != _fixed_part(new["Instances"]):
            return None
        protected = new["Instances"].get("TerminationProtected", False)
        flow = {"JobFlowIds": [cluster_id]}
        self._call("SetTerminationProtection", flow | {"TerminationProtected": protected})
        kept = new["Instances"].get("KeepJobFlowAliveWhenNoSteps", True)
        self._call("SetKeepJobFlowAliveWhenNoSteps", flow | {"KeepJobFlowAliveWhenNoSteps": kept})
        visible = new.get("VisibleToAllUsers", True)
        self._call("SetVisibleToAllUsers", flow | {"VisibleToAllUsers": visible})
        level = new.get("StepConcurrencyLevel", 1)
        self._call("ModifyCluster", {"ClusterId": cluster_id, "StepConcurrencyLevel": level})
        for policy in ("ManagedScalingPolicy", "AutoTerminationPolicy"):
            call = f"Put{policy}" if policy in new else f"Remove{policy}"
            self._call(call, {"ClusterId": cluster_id, policy: new.get(policy, {})})
        self._set_tags(cluster_id, old.get("Tags", []), new.get("Tags", []))
        self._resize_core(cluster_id, new["Instances"])
        return self._described(self._cluster(cluster_id))

    def delete(self, cluster_id: str, _: Properties) -> None:
        """Terminate a cluster and wait until its steps have ended; refused while protected."""
        try:
            if self._cluster(cluster_id)["Status"]["State"] in ENDED_CLUSTER:
                return
        except ClientError:
            # The server was emptied behind CloudFormation's back.
            return
        self._call("TerminateJobFlows", {"JobFlowIds": [cluster_id]})
        self._wait(cluster_id, ENDED_CLUSTER)

    def _set_tags(
        self, cluster_id: str, old: list[dict[str, str]], new: list[dict[str, str]]
    ) -> None:
        dropped = {tag["Key"] for tag in old} - {tag["Key"] for tag in new}
        if dropped:
            self._call("RemoveTags", {"ResourceId": cluster_id, "TagKeys": sorted(dropped)})
        if new:
            self._call("AddTags", {"ResourceId": cluster_id, "Tags": new})

    def _resize_core(self, cluster_id: str, instances: Properties) -> None:
        core = instances.get(_GROUPS["CORE"])
        if core is None:
            return
        groups = self._call("ListInstanceGroups", {"ClusterId": cluster_id})["InstanceGroups"]
        resized = [
            {"InstanceGroupId": group["Id"], "InstanceCount": core["InstanceCount"]}
            for group in groups
            if group["InstanceGroupType"] == "CORE"
        ]
        self._call("ModifyInstanceGroups", {"ClusterId": cluster_id, "InstanceGroups": resized})

    def _wait(self, cluster_id: str, states: frozenset[str]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            cluster = self._cluster(cluster_id)
            if cluster["Status"]["State"] in states:
                return cluster
            time.sleep(0.05)
        raise TimeoutError(f"cluster {cluster_id} is in none of {sorted(states)}")

    def _cluster(self, cluster_id: str) -> dict[str, Any]:
        cluster: dict[str, Any] = self._call("DescribeCluster", {"ClusterId": cluster_id})[
            "Cluster"
        ]
        return cluster

    def _described(self, cluster: Mapping[str, Any]) -> Created:
        attributes = {"Id": cluster["Id"], "MasterPublicDNS": cluster["MasterPublicDnsName"]}
        return cluster["Id"], attributes

    def _call(self, operation: str, parameters: Properties) -> dict[str, Any]:
        return self._api.call("emr", operation, parameters)


def run_job_flow_request(properties: Properties) -> dict[str, Any]:
    """RunJobFlow's parameters for the properties of an AWS::EMR::Cluster."""
    request: dict[str, Any] = _api_names(properties)
    instances = request["Instances"]
    # In a template a cluster stays unless it says otherwise; in the API it is the other way round.
    instances.setdefault("KeepJobFlowAliveWhenNoSteps", True)
    groups = _nodes(instances, _GROUPS, "TaskInstanceGroups", "InstanceRole")
    fleets = _nodes(instances, _FLEETS, "TaskInstanceFleets", "InstanceFleetType")
    if groups:
        instances["InstanceGroups"] = groups
    if fleets:
        instances["InstanceFleets"] = fleets
    return request


def _nodes(
    instances: Properties, single: Mapping[str, str], tasks: str, role_key: str
) -> list[dict[str, Any]]:
    found = [{**instances[key], role_key: role} for role, key in single.items() if key in instances]
    return found + [{**task, role_key: "TASK"} for task in instances.get(tasks, [])]


def _api_names(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_TEMPLATE_NAMES.get(key, key): _api_names(entry) for key, entry in value.items()}
    return [_api_names(entry) for entry in value] if isinstance(value, list) else value


def _fixed_part(instances: Properties) -> dict[str, Any]:
    fixed = copy.deepcopy(dict(instances))
    for part in (fixed, fixed.get(_GROUPS["CORE"], {})):
        for key in _CHANGEABLE:
            part.pop(key, None)
    return fixed


def _create_security_configuration(api: LocalApi, name: str, properties: Properties) -> Created:
    name = properties.get("Name", name)
    settings = properties["SecurityConfiguration"]
    text = settings if isinstance(settings, str) else json.dumps(settings)
    api.call("emr", "CreateSecurityConfiguration", {"Name": name, "SecurityConfiguration": text})
    return name, {}


def _delete_security_configuration(api: LocalApi, name: str) -> None:
    try:
        api.call("emr", "DeleteSecurityConfiguration", {"Name": name})
    except ClientError as error:
        if "does not exist" not in str(error):
            raise


def _add_instance_group(api: LocalApi, properties: Properties) -> Created:
    flow = {"JobFlowId": properties["JobFlowId"], "InstanceGroups": [_api_names(properties)]}
    group_id = api.call("emr", "AddInstanceGroups", flow)["InstanceGroupIds"][0]
    return group_id, {"InstanceGroupId": group_id}


def _resize_group(api: LocalApi, group_id: str, new: Properties) -> Created:
    change = {"InstanceGroupId": group_id, "InstanceCount": new["InstanceCount"]}
    cluster = {"ClusterId": new["JobFlowId"], "InstanceGroups": [change]}
    api.call("emr", "ModifyInstanceGroups", cluster)
    return group_id, {"InstanceGroupId": group_id}


def _add_instance_fleet(api: LocalApi, properties: Properties) -> Created:
    cluster = {"ClusterId": properties["ClusterId"], "InstanceFleet": _api_names(properties)}
    fleet_id = api.call("emr", "AddInstanceFleet", cluster)["InstanceFleetId"]
    return fleet_id, {"InstanceFleetId": fleet_id}


def _resize_fleet(api: LocalApi, fleet_id: str, new: Properties) -> Created:
    change = {"InstanceFleetId": fleet_id, **new}
    api.call("emr", "ModifyInstanceFleet", {"ClusterId": new["ClusterId"], "InstanceFleet": change})
    return fleet_id, {"InstanceFleetId": fleet_id}


def _keep_until_cluster_ends(_id: str, _properties: Properties) -> None:
    """EMR has no call that removes a group or a fleet."""
