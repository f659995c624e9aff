"""Destroying an environment: first it is said what will remain, at last what is left."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tidelake.contract.deployment import StackRole
from tidelake.contract.errors import CommandError, ConfigurationError
from tidelake.local.toolchain import find_toolchain
from tidelake.operations.access import AwsAccess
from tidelake.operations.stacks import DeployedStack, Resource, deployed_stacks, left_behind

_CLUSTER = "AWS::EMR::Cluster"
_LIVE_STATES = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
_POLL_SECONDS = 10
_MOST_POLLS = 120
"""A cluster takes some minutes to end."""


@dataclass(frozen=True, kw_only=True)
class DestroyOptions:
    """What is to be destroyed."""

    environment: str
    confirmation: str | None
    """The environment's name, typed out beforehand; None to ask for it where that is needed."""
    project_dir: Path


def run_cdk_destroy(options: DestroyOptions, access: AwsAccess) -> None:
    """`cdk destroy`, whose progress goes where ours does: on AWS it takes some ten minutes."""
    toolchain = find_toolchain(options.project_dir)
    command = [str(toolchain.node), str(toolchain.cdk), "destroy", "--all", "--force"]
    command += ["--no-notices", "-c", f"environment={options.environment}"]
    finished = subprocess.run(  # noqa: S603  the project's own CDK CLI, with no shell
        command,
        cwd=options.project_dir,
        # The stacks are going; there is nothing to validate.
        env={**toolchain.environment(access.tool_environment), "CDK_VALIDATION": "false"},
        check=False,
    )
    if finished.returncode:
        raise CommandError(
            f"cdk destroy ended with exit status {finished.returncode}; protection stays lifted, "
            "and the same command goes on from here"
        )


def destroy(
    options: DestroyOptions,
    access: AwsAccess,
    console: Console,
    ask: Callable[[str], str],
    run_cdk: Callable[[DestroyOptions, AwsAccess], None] = run_cdk_destroy,
) -> list[Resource]:
    """Destroy the environment's stacks; returns what is left of them.

    An environment that retains data, or that is protected from termination, is destroyed only once
    its name was typed; its protection, and that of its clusters, is lifted then. One that is not
    is destroyed at once. Raises ConfigurationError, before anything is changed, where nothing is
    deployed or another name was typed, and CommandError when the CDK CLI fails; both may then be
    tried again.
    """
    cloudformation = access.client("cloudformation")
    stacks = deployed_stacks(cloudformation, options.environment)
    if not stacks:
        raise ConfigurationError(
            "environment", options.environment, "one that is deployed; this one has no stacks"
        )
    _say_what_remains(stacks, console)
    if any(stack.is_protected or stack.retained for stack in stacks):
        _require_confirmation(options, ask)
    _lift_protection(stacks, access, console)
    if not any(stack.names(_CLUSTER) for stack in stacks):
        _end_launched_clusters(options.environment, stacks, access, console)
    run_cdk(options, access)
    left = [resource for stack in stacks for resource in left_behind(cloudformation, stack)]
    _list(console, "Left, for you to keep or to delete:" if left else "Nothing is left.", left)
    return left


def _say_what_remains(stacks: list[DeployedStack], console: Console) -> None:
    names = ", ".join(stack.name for stack in stacks)
    console.print(f"To be destroyed: {names}", markup=False, highlight=False, soft_wrap=True)
    remaining = [resource for stack in stacks for resource in stack.retained]
    says = "These will remain, and what they cost with them:"
    _list(console, says if remaining else "Nothing will remain: its data goes with it.", remaining)


def _list(console: Console, says: str, resources: list[Resource]) -> None:
    for line in (says, *(f"  {resource}" for resource in resources)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _require_confirmation(options: DestroyOptions, ask: Callable[[str], str]) -> None:
    typed = options.confirmation
    if typed is None:
        typed = ask(f"Type the environment's name, {options.environment}, to destroy the rest: ")
    if typed != options.environment:
        raise ConfigurationError(
            "confirmation", typed, f"the environment's name, {options.environment}"
        )


def _lift_protection(stacks: list[DeployedStack], access: AwsAccess, console: Console) -> None:
    emr = access.client("emr")
    for stack in stacks:
        if stack.is_protected:
            access.client("cloudformation").update_termination_protection(
                StackName=stack.name, EnableTerminationProtection=False
            )
            _list(console, f"Termination protection of {stack.name} is lifted.", [])
        for cluster in stack.names(_CLUSTER):
            if _is_protected_cluster(emr, cluster):
                emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
                _list(console, f"Termination protection of cluster {cluster} is lifted.", [])


def _is_protected_cluster(emr: Any, cluster_id: str) -> bool:
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    return cluster["TerminationProtected"] and cluster["Status"]["State"] in _LIVE_STATES


def _end_launched_clusters(
    environment: str, stacks: list[DeployedStack], access: AwsAccess, console: Console
) -> None:
    """End what the trigger launched: it is in no stack, and its nodes hold on to the network."""
    for mapping in (m for stack in stacks for m in stack.names("AWS::Lambda::EventSourceMapping")):
        # Or it launches another meanwhile.
        access.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
    emr = access.client("emr")
    name = StackRole.PROCESSING.stack_name(environment)
    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=list(_LIVE_STATES))
    launched = [c["Id"] for page in pages for c in page["Clusters"] if c["Name"] == name]
    if not launched:
        return
    _list(console, f"Ending {', '.join(launched)}, with the steps that run there.", [])
    emr.terminate_job_flows(JobFlowIds=launched)
    for cluster in launched:
        emr.get_waiter("cluster_terminated").wait(
            ClusterId=cluster, WaiterConfig={"Delay": _POLL_SECONDS, "MaxAttempts": _MOST_POLLS}
        )
