"""Destroying an environment: first it is said what will remain, at last what is left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError
from rich.console import Console

from tidelake.contract.deployment import StackRole
from tidelake.contract.errors import CommandError, ConfigurationError
from tidelake.local.cdk import CLI_ENVIRONMENT
from tidelake.local.endpoint import local_environment
from tidelake.local.lifecycle import STATE_DIR
from tidelake.local.target import LOCAL, Target, aws_region
from tidelake.local.toolchain import find_toolchain
from tidelake.operations.stacks import DeployedStack, Resource, deployed_stacks, left_behind

_CLUSTER = "AWS::EMR::Cluster"
_DATABASE = "AWS::Glue::Database"
_LIVE_STATES = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
_POLL_SECONDS = 10
_MOST_POLLS = 120
"""A cluster takes some minutes to end."""


def cdk_destroy(project_dir: Path) -> Callable[[Target], None]:
    """`cdk destroy`, whose progress goes where ours does: on AWS it takes some ten minutes.

    Raises ToolchainError, before anything is changed, where the CDK CLI is not set up below
    `project_dir`; what is returned raises CommandError when the CDK CLI fails.
    """
    toolchain = find_toolchain(project_dir)

    def run(target: Target) -> None:
        command = [str(toolchain.node), str(toolchain.cdk), "destroy", "--all", "--force"]
        command += ["--no-notices", "-c", f"environment={target.environment}"]
        finished = subprocess.run(  # noqa: S603  the project's own CDK CLI, with no shell
            command,
            cwd=project_dir,
            env={**toolchain.environment(_tool_environment(target)), **CLI_ENVIRONMENT},
            check=False,
        )
        if finished.returncode:
            raise CommandError(
                f"cdk destroy ended with exit status {finished.returncode}; protection stays "
                "lifted, and the same command goes on from here"
            )

    return run


def _tool_environment(target: Target) -> dict[str, str]:
    """What the CDK CLI needs to reach the AWS that our own calls reach."""
    if target.environment != LOCAL:
        return {**os.environ, "AWS_REGION": aws_region()}
    endpoint = target.client("cloudformation").meta.endpoint_url
    return local_environment(endpoint, base=os.environ, cdk_home=STATE_DIR.resolve() / "cdk-home")


def destroy(
    target: Target,
    console: Console,
    confirm: Callable[[], str],
    run_cdk: Callable[[Target], object],
) -> list[Resource]:
    """Destroy the environment's stacks; returns what is left of them.

    An environment that retains data, or that is protected from termination, is destroyed only once
    its name was typed, for which `confirm` asks; its protection, and that of its clusters, is
    lifted then. One that is not is destroyed at once. Raises ConfigurationError, before anything
    is changed, where nothing is deployed or another name was typed, and CommandError when the CDK
    CLI fails; both may then be tried again.
    """
    cloudformation = target.client("cloudformation")
    stacks = deployed_stacks(cloudformation, target.environment)
    if not stacks:
        raise ConfigurationError(
            "environment", target.environment, "one that is deployed; this one has no stacks"
        )
    _say_what_remains(stacks, console)
    if any(stack.is_protected or stack.retained for stack in stacks):
        _require_confirmation(target.environment, confirm())
    _lift_protection(stacks, target, console)
    _end_launched_clusters(stacks, target, console)
    try:
        run_cdk(target)
    except CommandError:
        # The stacks that are gone by now are none of those that the next attempt looks at.
        left = _left_behind(cloudformation, stacks)
        if left:
            _list(console, "Left so far, for you to keep or to delete:", left)
        raise
    left = _left_behind(cloudformation, stacks)
    _list(console, "Left, for you to keep or to delete:" if left else "Nothing is left.", left)
    _say_which_names_are_taken(left, console)
    return left


def _left_behind(cloudformation: Any, stacks: list[DeployedStack]) -> list[Resource]:
    return [resource for stack in stacks for resource in left_behind(cloudformation, stack)]


def _say_what_remains(stacks: list[DeployedStack], console: Console) -> None:
    names = ", ".join(stack.name for stack in stacks)
    console.print(f"To be destroyed: {names}", markup=False, highlight=False, soft_wrap=True)
    remaining = [resource for stack in stacks for resource in stack.retained]
    says = "These will remain, and what they cost with them:"
    _list(console, says if remaining else "Nothing will remain: its data goes with it.", remaining)


def _list(console: Console, says: str, resources: Sequence[object]) -> None:
    for line in (says, *(f"  {resource}" for resource in resources)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _say_which_names_are_taken(left: list[Resource], console: Console) -> None:
    """Glue makes the name of a database its id, so a new one cannot have that of one left."""
    for database in (resource.name for resource in left if resource.kind == _DATABASE):
        _list(
            console,
            f"The next deployment needs another lake.database_name while {database} is there. To "
            "free the name, and lose the catalog's entries of its tables but none of their files:",
            [f"aws glue delete-database --name {database}"],
        )


def _require_confirmation(environment: str, typed: str) -> None:
    if typed != environment:
        raise ConfigurationError("confirmation", typed, f"the environment's name, {environment}")


def _lift_protection(stacks: list[DeployedStack], target: Target, console: Console) -> None:
    emr = target.client("emr")
    for stack in stacks:
        if stack.is_protected:
            target.client("cloudformation").update_termination_protection(
                StackName=stack.name, EnableTerminationProtection=False
            )
            _list(console, f"Termination protection of {stack.name} is lifted.", [])
        for cluster in stack.names(_CLUSTER):
            if _is_protected_cluster(emr, cluster):
                emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
                _list(console, f"Termination protection of cluster {cluster} is lifted.", [])


def _is_protected_cluster(emr: Any, cluster_id: str) -> bool:
    try:
        cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    except ClientError as error:
        # EMR forgets a cluster two months after its end; its stack does not.
        if error.response["Error"]["Code"] != "InvalidRequestException":
            raise
        return False
    return cluster["TerminationProtected"] and cluster["Status"]["State"] in _LIVE_STATES


def _end_launched_clusters(stacks: list[DeployedStack], target: Target, console: Console) -> None:
    """End what the trigger launched: it is in no stack, and its nodes hold on to the network.

    There may be one beside the stack's own cluster, from before `cluster.mode` was changed.
    """
    for mapping in (m for stack in stacks for m in stack.names("AWS::Lambda::EventSourceMapping")):
        # Or it launches another meanwhile.
        target.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
    emr = target.client("emr")
    name = StackRole.PROCESSING.stack_name(target.environment)
    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=list(_LIVE_STATES))
    named = [c["Id"] for page in pages for c in page["Clusters"] if c["Name"] == name]
    own = {cluster for stack in stacks for cluster in stack.names(_CLUSTER)}
    launched = [cluster for cluster in named if cluster not in own]
    if not launched:
        return
    _list(console, f"Ending {', '.join(launched)}, with the steps that run there.", [])
    emr.terminate_job_flows(JobFlowIds=launched)
    for cluster in launched:
        _wait_for_end(emr, cluster)


def _wait_for_end(emr: Any, cluster_id: str) -> None:
    try:
        emr.get_waiter("cluster_terminated").wait(
            ClusterId=cluster_id, WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": _MOST_POLLS}
        )
    except WaiterError as error:
        # An end all the same, such as that of a cluster that was still starting.
        state = error.last_response.get("Cluster", {}).get("Status", {}).get("State")
        if state != "TERMINATED_WITH_ERRORS":
            raise
