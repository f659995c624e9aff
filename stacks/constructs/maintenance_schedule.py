"""Asks for the upkeep of the tables on a schedule, through the trigger's queue.

A cluster on demand has no id that a schedule could have as its target; the trigger has one.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from tidelake.contract.trigger_messages import MAINTAIN_BODY


class MaintenanceSchedule(Construct):
    """A schedule of EventBridge Scheduler that puts one message on a queue."""

    def __init__(
        self, scope: Construct, construct_id: str, *, expression: str, queue: sqs.IQueue
    ) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(
            self,
            "Role",
            description="EventBridge Scheduler: asks the trigger for maintenance",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            ),
        )
        queue.grant(role, "sqs:SendMessage")
        scheduler.CfnSchedule(
            self,
            "Schedule",
            description="tidelake: maintenance of the curated tables",
            schedule_expression=expression,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=queue.queue_arn, role_arn=role.role_arn, input=MAINTAIN_BODY
            ),
        )
