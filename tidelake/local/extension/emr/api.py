"""The EMR operations that MiniStack lacks or answers too kindly, refused as AWS refuses them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import emr as ministack_emr

from tidelake.local.extension.emr.records import ACTIVE_STEP, Record, now, state_of, steps_in
from tidelake.local.extension.emr.refusals import (
    MAXIMUM_STEP_IDS,
    Refusal,
    modifiable,
    one_page,
    require_concurrency,
    require_idle_timeout,
    require_json,
    require_valid_steps,
)
from tidelake.local.extension.emr.scheduler import Scheduler

Request: TypeAlias = Mapping[str, Any]
Response: TypeAlias = tuple[int, dict[str, str], bytes]
Handler: TypeAlias = Callable[[Request], Response]

_AUTO_TERMINATION = "AutoTerminationPolicy"
_KEPT_FROM_REQUEST = (
    "LogEncryptionKmsKeyId",
    "Configurations",
    "SecurityConfiguration",
    "AutoScalingRole",
    "ScaleDownBehavior",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "EbsRootVolumeIops",
    "EbsRootVolumeThroughput",
    "RepoUpgradeOnBoot",
    "KerberosAttributes",
    "OSReleaseLabel",
)
"""What DescribeCluster repeats of RunJobFlow and MiniStack forgets."""


class EmrApi:
    """Handlers by operation, over MiniStack's own store of clusters and steps."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._run_job_flow: Handler = ministack_emr._run_job_flow
        self._policies = {
            name: AccountRegionScopedDict() for name in ("ManagedScalingPolicy", _AUTO_TERMINATION)
        }
        self._security_configurations = AccountRegionScopedDict()

    def handlers(self) -> dict[str, Handler]:
        """One handler for each operation that replaces or adds to MiniStack's."""
        operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            "RunJobFlow": self.run_job_flow,
            "ListClusters": self.list_clusters,
            "TerminateJobFlows": self.terminate_job_flows,
            "ModifyCluster": self.modify_cluster,
            "SetKeepJobFlowAliveWhenNoSteps": self.set_keep_alive,
            "AddJobFlowSteps": self.add_job_flow_steps,
            "ListSteps": self.list_steps,
            "CancelSteps": self.cancel_steps,
            "CreateSecurityConfiguration": self.create_security_configuration,
            "DescribeSecurityConfiguration": self.describe_security_configuration,
            "ListSecurityConfigurations": self.list_security_configurations,
            "DeleteSecurityConfiguration": self.delete_security_configuration,
        }
        for policy in self._policies:
            operations[f"Get{policy}"] = functools.partial(self._get_policy, policy)
            operations[f"Put{policy}"] = functools.partial(self._put_policy, policy)
            operations[f"Remove{policy}"] = functools.partial(self._remove_policy, policy)
        return {name: _answering(operation) for name, operation in operations.items()}

    def reset(self) -> None:
        """Forget what this class keeps beside MiniStack's store, and end running steps."""
        self._scheduler.stop_steps()
        for store in (*self._policies.values(), self._security_configurations):
            store.clear()

    def run_job_flow(self, request: Request) -> dict[str, Any]:
        """Create a cluster; its steps wait until it is up."""
        steps = request.get("Steps", [])
        level = request.get("StepConcurrencyLevel", 1)
        require_concurrency(level)
        require_valid_steps(steps, level, active=0)
        require_idle_timeout(request.get(_AUTO_TERMINATION, {}))
        status, _, body = self._run_job_flow({**request, "Steps": []})
        reply: dict[str, Any] = json.loads(body)
        if status != 200:
            raise Refusal(reply["__type"], reply["message"])
        cluster = ministack_emr._clusters[reply["JobFlowId"]]
        cluster.update({key: request[key] for key in _KEPT_FROM_REQUEST if key in request})
        cluster["Status"] = {
            "State": "STARTING",
            "StateChangeReason": {},
            "Timeline": {"CreationDateTime": now()},
        }
        for policy, store in self._policies.items():
            if policy in request:
                store[cluster["Id"]] = request[policy]
        self._scheduler.launch(cluster)
        self._apply_idle_limit(cluster)
        if steps:
            self._scheduler.add_steps(cluster, steps)
        return reply

    def list_clusters(self, request: Request) -> dict[str, Any]:
        """Clusters newest first, 50 a page."""
        states = request.get("ClusterStates", [])
        found = [
            {
                key: cluster[key]
                for key in ("Id", "Name", "Status", "NormalizedInstanceHours", "ClusterArn")
            }
            for cluster in reversed(ministack_emr._clusters.values())
            if not states or state_of(cluster) in states
        ]
        return one_page("Clusters", found, request)

    def terminate_job_flows(self, request: Request) -> dict[str, Any]:
        """Terminate the unprotected clusters, and refuse if any was protected, as EMR does."""
        clusters = [_job_flow(cluster_id) for cluster_id in request.get("JobFlowIds", [])]
        for cluster in clusters:
            if not cluster["TerminationProtected"]:
                self._scheduler.terminate(cluster, "USER_REQUEST", "Terminated by user request")
        if any(cluster["TerminationProtected"] for cluster in clusters):
            raise Refusal(
                "ValidationException",
                "Could not shut down one or more job flows since they are termination protected.",
            )
        return {}

    def modify_cluster(self, request: Request) -> dict[str, Any]:
        """Change how many steps of a cluster run at once."""
        cluster = modifiable(_cluster(request.get("ClusterId")))
        if "StepConcurrencyLevel" in request:
            require_concurrency(request["StepConcurrencyLevel"])
            self._scheduler.set_concurrency(cluster, request["StepConcurrencyLevel"])
        return {"StepConcurrencyLevel": cluster["StepConcurrencyLevel"]}

    def set_keep_alive(self, request: Request) -> dict[str, Any]:
        """Choose whether clusters end after their last step."""
        for cluster_id in request.get("JobFlowIds", []):
            cluster = modifiable(_job_flow(cluster_id))
            cluster["AutoTerminate"] = not request["KeepJobFlowAliveWhenNoSteps"]
            self._scheduler.set_concurrency(cluster, cluster["StepConcurrencyLevel"])
        return {}

    def add_job_flow_steps(self, request: Request) -> dict[str, Any]:
        """Queue steps on a cluster that still takes them."""
        cluster = modifiable(_job_flow(request.get("JobFlowId")))
        steps = request.get("Steps", [])
        active = len(steps_in(_steps(cluster["Id"]), ACTIVE_STEP))
        require_valid_steps(steps, cluster["StepConcurrencyLevel"], active)
        return {"StepIds": self._scheduler.add_steps(cluster, steps)}

    def list_steps(self, request: Request) -> dict[str, Any]:
        """Steps newest first, 50 a page, by state or by id."""
        cluster = _cluster(request.get("ClusterId"))
        states, ids = request.get("StepStates", []), request.get("StepIds", [])
        if len(ids) > MAXIMUM_STEP_IDS:
            raise Refusal(
                "InvalidRequestException",
                f"{len(ids)} StepIds are not allowed; allowed: at most {MAXIMUM_STEP_IDS}",
            )
        found = [
            step
            for step in reversed(_steps(cluster["Id"]))
            if (not states or state_of(step) in states) and (not ids or step["Id"] in ids)
        ]
        return one_page("Steps", found, request)

    def cancel_steps(self, request: Request) -> dict[str, Any]:
        """Cancel pending steps, and running ones by ending their processes."""
        cluster = _cluster(request.get("ClusterId"))
        steps = {step["Id"]: step for step in _steps(cluster["Id"])}
        answers = []
        for step_id in request.get("StepIds", []):
            step = steps.get(step_id)
            if step is not None and self._scheduler.cancel_step(cluster, step):
                answers.append({"StepId": step_id, "Status": "SUBMITTED"})
            else:
                why = "unknown" if step is None else state_of(step)
                reason = f"Step is {why}; only PENDING and RUNNING steps can be cancelled."
                answers.append({"StepId": step_id, "Status": "FAILED", "Reason": reason})
        return {"CancelStepsInfoList": answers}

    def create_security_configuration(self, request: Request) -> dict[str, Any]:
        """Keep a security configuration; nothing local enforces it."""
        name = request["Name"]
        if name in self._security_configurations:
            raise Refusal(
                "InvalidRequestException", f"Security configuration '{name}' already exists."
            )
        require_json(request["SecurityConfiguration"])
        self._security_configurations[name] = {
            "Name": name,
            "SecurityConfiguration": request["SecurityConfiguration"],
            "CreationDateTime": now(),
        }
        return self._named(name, "Name", "CreationDateTime")

    def describe_security_configuration(self, request: Request) -> dict[str, Any]:
        """One security configuration, as it was created."""
        return self._named(request["Name"], "Name", "SecurityConfiguration", "CreationDateTime")

    def list_security_configurations(self, request: Request) -> dict[str, Any]:
        """The names of the security configurations."""
        names = list(self._security_configurations.keys())
        found = [self._named(name, "Name", "CreationDateTime") for name in names]
        return one_page("SecurityConfigurations", found, request, identity="Name")

    def delete_security_configuration(self, request: Request) -> dict[str, Any]:
        """Forget a security configuration."""
        self._named(request["Name"], "Name")
        del self._security_configurations[request["Name"]]
        return {}

    def _named(self, name: str, *keys: str) -> dict[str, Any]:
        if name not in self._security_configurations:
            raise Refusal(
                "InvalidRequestException", f"Security configuration '{name}' does not exist."
            )
        return {key: self._security_configurations[name][key] for key in keys}

    def _get_policy(self, policy: str, request: Request) -> dict[str, Any]:
        cluster = _cluster(request.get("ClusterId"))
        store = self._policies[policy]
        return {policy: store[cluster["Id"]]} if cluster["Id"] in store else {}

    def _put_policy(self, policy: str, request: Request) -> dict[str, Any]:
        cluster = modifiable(_cluster(request.get("ClusterId")))
        if policy == _AUTO_TERMINATION:
            require_idle_timeout(request.get(policy, {}))
        self._policies[policy][cluster["Id"]] = request.get(policy, {})
        self._apply_idle_limit(cluster)
        return {}

    def _remove_policy(self, policy: str, request: Request) -> dict[str, Any]:
        cluster = modifiable(_cluster(request.get("ClusterId")))
        self._policies[policy].pop(cluster["Id"], None)
        self._apply_idle_limit(cluster)
        return {}

    def _apply_idle_limit(self, cluster: Record) -> None:
        policy = self._policies[_AUTO_TERMINATION].get(cluster["Id"], {})
        self._scheduler.set_idle_limit(cluster, policy.get("IdleTimeout"))


def _answering(operation: Callable[[Request], dict[str, Any]]) -> Handler:
    def handler(data: Request) -> Response:
        try:
            response: Response = json_response(operation(data))
        except Refusal as refusal:
            response = error_response_json(refusal.code, str(refusal), 400)
        return response

    return handler


def _steps(cluster_id: str) -> list[Record]:
    store: MutableMapping[str, list[Record]] = ministack_emr._steps
    return store.setdefault(cluster_id, [])


def _cluster(cluster_id: object) -> Record:
    cluster: Record | None = ministack_emr._clusters.get(cluster_id)
    if cluster is None:
        raise Refusal("InvalidRequestException", f"Cluster id '{cluster_id}' is not valid.")
    return cluster


def _job_flow(cluster_id: object) -> Record:
    """A cluster, for the older operations, which say it otherwise when there is none."""
    cluster: Record | None = ministack_emr._clusters.get(cluster_id)
    if cluster is None:
        raise Refusal("ValidationException", "Specified job flow ID does not exist.")
    return cluster
