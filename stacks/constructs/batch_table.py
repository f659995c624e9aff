"""Where the functions keep claims, batches, and the launch of a cluster."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from tidelake.contract.batch_items import EXPIRY, KEY, STATE_INDEX

_KEY = dynamodb.Attribute(name=KEY, type=dynamodb.AttributeType.STRING)
_STATE = dynamodb.Attribute(name="state", type=dynamodb.AttributeType.STRING)
_CHANGED = dynamodb.Attribute(name="updated_at", type=dynamodb.AttributeType.NUMBER)


class BatchTable(Construct):
    """One table; `tidelake/contract/batch_items.py` says what its items are.

    Without it nothing is lost, but what was taken already would be taken again.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, key: kms.IKey, removal: cdk.RemovalPolicy
    ) -> None:
        super().__init__(scope, construct_id)
        kept = removal is cdk.RemovalPolicy.RETAIN
        self._key = key
        self._table = dynamodb.Table(
            self,
            "Table",
            partition_key=_KEY,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            time_to_live_attribute=EXPIRY,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=kept
            ),
            deletion_protection=kept,
            removal_policy=removal,
        )
        self._table.add_global_secondary_index(
            index_name=STATE_INDEX, partition_key=_STATE, sort_key=_CHANGED
        )

    @property
    def table_name(self) -> str:
        return self._table.table_name

    def grant_keep_batches(self, grantee: iam.IGrantable) -> None:
        """Let a function claim objects, and read and change batches."""
        arn = self._table.table_arn
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"],
            resource_arns=[arn],
        )
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["dynamodb:Query"],
            resource_arns=[f"{arn}/index/{STATE_INDEX}"],
        )
        # DynamoDB uses the key on behalf of whoever calls it.
        self._key.grant(
            grantee,
            *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
        )
