"""Ids that a change may replace, handed from stack to stack without a lock.

An exported value cannot change while another stack imports it, and a weak reference is not read
again until its stack's template changes. A parameter is read anew at each deployment.
"""

from __future__ import annotations

from enum import Enum

from aws_cdk import aws_ssm as ssm
from constructs import Construct


class SharedId(Enum):
    """A replaceable resource's id, by the last part of its parameter's name."""

    DELIVERY_STREAM = "delivery-stream"
    TRANSFORM_FUNCTION = "transform-function"
    COUNTER_FUNCTION = "counter-function"
    COUNTER_FAILURES = "counter-failures"
    CLUSTER = "cluster"
    TRIGGER_FUNCTION = "trigger-function"
    OUTCOME_FUNCTION = "outcome-function"
    SWEEP_FUNCTION = "sweep-function"
    TRIGGER_QUEUE = "trigger-queue"
    TRIGGER_DEAD_LETTERS = "trigger-dead-letters"

    def publish(self, scope: Construct, environment: str, value: str) -> None:
        """Keep the id as the owner's stack is deployed."""
        ssm.StringParameter(
            scope,
            f"Shared-{self.value}",
            parameter_name=self._parameter_name(environment),
            string_value=value,
        )

    def read(self, scope: Construct, environment: str) -> str:
        """The id, as of the deployment of the stack that reads it."""
        return ssm.StringParameter.value_for_string_parameter(
            scope, self._parameter_name(environment)
        )

    def _parameter_name(self, environment: str) -> str:
        return f"/tidelake/{environment}/{self.value}"
