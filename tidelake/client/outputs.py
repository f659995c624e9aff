"""Finding a deployment: the outputs of its stacks."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tidelake.contract.deployment import Output, StackRole
from tidelake.contract.errors import ConfigurationError


def read_outputs(cloudformation: Any, environment: str) -> dict[Output, str]:
    """Every output of the environment's stacks, through a boto3 CloudFormation client.

    Raises ConfigurationError when a stack, or an output that it should have, is not there.
    """
    found: dict[Output, str] = {}
    for role in StackRole:
        stack = role.stack_name(environment)
        values = _stack_outputs(cloudformation, stack)
        for output in Output:
            if output.stack is role and (output.always or output.key in values):
                if output.key not in values:
                    raise ConfigurationError(
                        f"outputs of stack {stack}", sorted(values), f"one named {output.key}"
                    )
                found[output] = values[output.key]
    return found


def _stack_outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    try:
        reply = cloudformation.describe_stacks(StackName=stack)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise ConfigurationError(
            "stack", stack, "one that is deployed; this environment's stacks are not"
        ) from error
    return {
        output["OutputKey"]: output["OutputValue"]
        for output in reply["Stacks"][0].get("Outputs", [])
    }
