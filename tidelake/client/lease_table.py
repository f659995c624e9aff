"""The DynamoDB table of the leases: an item for each shard of an application.

An item holds who owns the shard (`owner`), how often it changed hands (`epoch`), the owner's
heartbeat (`beat`) and the checkpoint. Whatever a worker writes is conditional on owner and epoch
being its own, so that one that was taken for dead cannot undo what its successor did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from tidelake.client.checkpoints import SHARD_END, Checkpoint, Origin, Standing
from tidelake.contract.errors import LeaseLostError, LeaseTableError

_ORIGIN_KEY = "#origin"

_RETRYABLE_CODES = frozenset(
    (
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
    )
)
"""DynamoDB developer guide, "Error handling with DynamoDB"."""


class Lease(NamedTuple):
    """A shard in the table. It is `owner`'s until its beat stops, or free if that is None."""

    shard_id: str
    owner: str | None
    epoch: int
    beat: int


@dataclass(frozen=True)
class Snapshot:
    """The table as it was read: where the application stands, and who has which shard."""

    standing: Standing
    leases: Mapping[str, Lease]


class LeaseTable:
    """One application's items for one data stream, through a boto3 DynamoDB client.

    Every method raises LeaseTableError where DynamoDB fails.
    """

    def __init__(self, client: Any, table: str, *, application: str, stream: str) -> None:
        self._client = client
        self.table = table
        self._application = f"{application}/{stream}"

    def create_if_missing(self) -> None:
        """Make the table, paid by request, unless it is there; wait until it can be used.

        Where it is there, no permission to make tables is needed.
        """
        with self._failures("DescribeTable"):
            try:
                self._client.describe_table(TableName=self.table)
            except self._client.exceptions.ResourceNotFoundException:
                self._create()
            self._client.get_waiter("table_exists").wait(
                TableName=self.table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )

    def _create(self) -> None:
        keys = {"application": "HASH", "shard_id": "RANGE"}
        made_meanwhile = self._client.exceptions.ResourceInUseException
        with self._failures("CreateTable"), suppress(made_meanwhile):
            self._client.create_table(
                TableName=self.table,
                KeySchema=[{"AttributeName": k, "KeyType": v} for k, v in keys.items()],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                BillingMode="PAY_PER_REQUEST",
            )

    def read(self) -> Snapshot | None:
        """All items as they are now; None if the application has not begun yet."""
        origin: Origin | None = None
        checkpoints: dict[str, Checkpoint] = {}
        leases: dict[str, Lease] = {}
        for item in self._items():
            shard_id = item["shard_id"]["S"]
            if shard_id == _ORIGIN_KEY:
                origin = Origin.from_document(json.loads(item["origin"]["S"]))
                continue
            leases[shard_id] = _lease(item)
            if "checkpoint" in item:
                checkpoints[shard_id] = Checkpoint.from_text(item["checkpoint"]["S"])
        return None if origin is None else Snapshot(Standing(origin, checkpoints), leases)

    def begin(self, origin: Origin) -> None:
        """Store where the application begins, unless another worker did so first."""
        item = self._key(_ORIGIN_KEY) | {"origin": {"S": json.dumps(origin.to_document())}}
        already_begun = self._client.exceptions.ConditionalCheckFailedException
        with self._failures("PutItem"), suppress(already_begun):
            self._client.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(shard_id)",
            )

    def take(self, lease: Lease, owner: str) -> tuple[Lease, Checkpoint | None] | None:
        """Become the owner of a lease that is as it was seen; None if it is not any more.

        Gives the checkpoint as it is at that moment: its last owner may just have written it.
        """
        condition = "epoch = :epoch AND beat = :beat"
        if lease.epoch == 0:
            condition = "attribute_not_exists(shard_id)"
        values: dict[str, str | int] = {":owner": owner, ":next": lease.epoch + 1, ":zero": 0}
        if lease.epoch > 0:
            values |= {":epoch": lease.epoch, ":beat": lease.beat}
        with self._failures("UpdateItem"):
            try:
                reply = self._update(
                    lease.shard_id, "SET #owner = :owner, epoch = :next, beat = :zero",
                    condition, values,
                )  # fmt: skip
            except self._client.exceptions.ConditionalCheckFailedException:
                return None
        item = reply["Attributes"]
        saved = Checkpoint.from_text(item["checkpoint"]["S"]) if "checkpoint" in item else None
        return _lease(item), saved

    def beat(self, lease: Lease) -> None:
        """Show that the owner lives; LeaseLostError if it is not the owner any more."""
        self._update_owned(lease, "SET beat = beat + :one", {":one": 1})

    def save(self, lease: Lease, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; LeaseLostError if the shard is another's. A finished one is freed."""
        freed = " REMOVE #owner" if checkpoint == SHARD_END else ""
        self._update_owned(
            lease, f"SET checkpoint = :checkpoint{freed}", {":checkpoint": checkpoint.to_text()}
        )

    def release(self, lease: Lease) -> None:
        """Let another worker have the shard at once."""
        self._update_owned(lease, "REMOVE #owner", {})

    def _update_owned(self, lease: Lease, update: str, values: dict[str, str | int]) -> None:
        owned: dict[str, str | int] = {":me": str(lease.owner), ":mine": lease.epoch}
        with self._failures("UpdateItem"):
            try:
                self._update(
                    lease.shard_id, update, "#owner = :me AND epoch = :mine", values | owned
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                raise LeaseLostError(lease.shard_id) from None

    def _update(
        self, shard_id: str, update: str, condition: str, values: Mapping[str, str | int]
    ) -> Any:
        names = {"#owner": "owner"} if "#owner" in update + condition else {}
        return self._client.update_item(
            TableName=self.table,
            Key=self._key(shard_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues={name: _typed(value) for name, value in values.items()},
            ReturnValues="ALL_NEW",
            **({"ExpressionAttributeNames": names} if names else {}),
        )

    def _items(self) -> Iterator[Any]:
        query: dict[str, Any] = {}
        while True:
            with self._failures("Query"):
                reply = self._client.query(
                    TableName=self.table,
                    ConsistentRead=True,
                    KeyConditionExpression="application = :application",
                    ExpressionAttributeValues={":application": {"S": self._application}},
                    **query,
                )
            yield from reply["Items"]
            if not reply.get("LastEvaluatedKey"):
                return
            query = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def _key(self, shard_id: str) -> dict[str, dict[str, str]]:
        return {"application": {"S": self._application}, "shard_id": {"S": shard_id}}

    @contextmanager
    def _failures(self, operation: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response["Error"].get("Code", "Unknown")
            status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
            retryable = code in _RETRYABLE_CODES or status >= 500
            raise LeaseTableError(operation, self.table, code, retryable=retryable) from error
        except BotoCoreError as error:
            retryable = isinstance(error, NoConnectionError | HTTPClientError)
            code = type(error).__name__
            raise LeaseTableError(operation, self.table, code, retryable=retryable) from error


def _lease(item: Mapping[str, Any]) -> Lease:
    owner = item["owner"]["S"] if "owner" in item else None
    return Lease(item["shard_id"]["S"], owner, int(item["epoch"]["N"]), int(item["beat"]["N"]))


def _typed(value: str | int) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
