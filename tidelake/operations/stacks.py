"""The stacks of an environment as CloudFormation has them: what they protect, what they keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidelake.contract.deployment import StackRole

_NEVER_MADE = "REVIEW_IN_PROGRESS"
"""The status of a stack whose first change set was never carried out: it has no template."""
_RETAINING = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True, order=True)
class Resource:
    """A resource of a stack."""

    kind: str
    """Such as `AWS::S3::Bucket`."""
    name: str
    """Its physical id."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """A stack that is there."""

    name: str
    stack_id: str
    """By which CloudFormation still knows it, for 90 days, when it is deleted."""
    is_protected: bool
    resources: tuple[Resource, ...]
    retained: tuple[Resource, ...]
    """What CloudFormation leaves behind when it deletes the stack."""

    def names(self, kind: str) -> list[str]:
        """Of its resources of a type, such as `AWS::EMR::Cluster`."""
        return [resource.name for resource in self.resources if resource.kind == kind]


def deployed_stacks(cloudformation: Any, environment: str) -> list[DeployedStack]:
    """Those of the environment's stacks that are there, in the order of their deployment."""
    found = (_described(cloudformation, role.stack_name(environment)) for role in StackRole)
    return [_read(cloudformation, description) for description in found if description is not None]


def left_behind(cloudformation: Any, stack: DeployedStack) -> list[Resource]:
    """What CloudFormation left of a stack that it deleted, by the events of the stack.

    `DELETE_SKIPPED` is its word for a resource whose policy is to be retained (ResourceStatus in
    botocore's service model).
    """
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack.stack_id)
    return sorted(
        {
            Resource(event["ResourceType"], event["PhysicalResourceId"])
            for page in pages
            for event in page["StackEvents"]
            if event["ResourceStatus"] == "DELETE_SKIPPED"
        }
    )


def _described(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    try:
        [description] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # CloudFormation's answer for a stack that is not there; others have codes of their own.
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    found: Mapping[str, Any] = description
    return found


def _read(cloudformation: Any, description: Mapping[str, Any]) -> DeployedStack:
    name = description["StackName"]
    template: Mapping[str, Any] = {}
    if description["StackStatus"] != _NEVER_MADE:
        template = cloudformation.get_template(StackName=name)["TemplateBody"]["Resources"]
    resources = dict(_resources(cloudformation, name))
    return DeployedStack(
        name=name,
        stack_id=description["StackId"],
        is_protected=description.get("EnableTerminationProtection", False),
        resources=tuple(resources.values()),
        retained=tuple(
            sorted(
                resource
                for logical_id, resource in resources.items()
                if template.get(logical_id, {}).get("DeletionPolicy") in _RETAINING
            )
        ),
    )


def _resources(cloudformation: Any, name: str) -> Iterator[tuple[str, Resource]]:
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
        for entry in page["StackResourceSummaries"]:
            # One whose creation failed has no id, and is nothing that could stay.
            physical_id = entry.get("PhysicalResourceId")
            if physical_id and entry["ResourceStatus"] != "DELETE_COMPLETE":
                yield entry["LogicalResourceId"], Resource(entry["ResourceType"], physical_id)
