"""Claims and batches in DynamoDB."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from lambda_src.batches.chunks import chunks
from tidelake.contract.batch_items import (
    CLUSTER_KEY,
    EXPIRY,
    KEY,
    STATE_INDEX,
    Batch,
    BatchState,
    Claim,
    ClusterLaunch,
    Item,
    Record,
    batch_key,
    claim_key,
)
from tidelake.contract.manifest import Manifest, RawObject

_ITEMS_A_CALL = 100
"""The most that one BatchGetItem or TransactWriteItems takes."""
_TRIES = 6
_DAY_SECONDS = 24 * 3600
_LOST = "ConditionalCheckFailed"

RecordT = TypeVar("RecordT", bound=Record)


class BatchTable:
    """Reads and writes the items of `batch_items.py`; every read by key is strongly consistent.

    `client` is a boto3 client of DynamoDB, whose ClientError is passed on; `clock` gives seconds
    since 1970.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        claim_days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._table = table
        self._claim_seconds = claim_days * _DAY_SECONDS
        self._clock = clock

    def now(self) -> int:
        """The time by which leases are compared."""
        return int(self._clock())

    def claims_of(self, objects: Iterable[RawObject]) -> dict[RawObject, Claim]:
        """The claims that there are of these objects; those without one are left out."""
        by_key = {claim_key(raw_object): raw_object for raw_object in objects}
        found: dict[RawObject, Claim] = {}
        for keys in chunks(by_key, _ITEMS_A_CALL):
            for item in self._read(keys):
                found[by_key[item[KEY]["S"]]] = Claim(
                    batch_id=item["batch_id"]["S"],
                    owner=item["owner"]["S"],
                    lease_until=int(item["lease_until"]["N"]),
                )
        return found

    def claim(
        self,
        objects: Iterable[RawObject],
        owner: str,
        lease_until: int,
        stale: Mapping[RawObject, Claim],
    ) -> tuple[Manifest, set[RawObject]]:
        """Claim the objects for one new batch: the manifest of those won, and those lost.

        An object is won where nobody has claimed it, or where its claim is still the `stale` one.
        A batch's id depends on its objects, so what was won is claimed anew, under the id of the
        smaller batch, whenever others were lost.
        """
        lost: set[RawObject] = set()
        manifest = Manifest.of(objects)
        while manifest.objects:
            newly_lost: set[RawObject] = set()
            for chunk in chunks(manifest.objects, _ITEMS_A_CALL):
                claim = Claim(batch_id=manifest.batch_id, owner=owner, lease_until=lease_until)
                newly_lost |= self._claim_chunk(chunk, claim, stale)
            if not newly_lost:
                break
            lost |= newly_lost
            manifest = Manifest.of(set(manifest.objects) - newly_lost)
        return manifest, lost

    def batch(self, batch_id: str) -> Batch | None:
        """One batch, if it was written down."""
        item = self._get(batch_key(batch_id))
        return None if item is None else Batch.from_item(item)

    def batches_of(self, batch_ids: Iterable[str]) -> dict[str, Batch]:
        """Those of the batches that were written down, by their ids."""
        found = [
            Batch.from_item(item)
            for keys in chunks({batch_key(batch_id) for batch_id in batch_ids}, _ITEMS_A_CALL)
            for item in self._read(keys)
        ]
        return {batch.batch_id: batch for batch in found}

    def save(self, batch: Batch) -> Batch | None:
        """Write a new batch, or a new state of one; None where another writer was first.

        Batches that were set aside are kept for good.
        """
        saved = replace(batch, updated_at=self.now())
        expires = batch.state is not BatchState.SET_ASIDE
        return self._save(batch.key, saved, expires=expires)

    def batches(self, state: BatchState) -> Iterator[Batch]:
        """The batches in one state, those that have not changed for longest first.

        From an index that is a moment behind: read a batch again before changing it.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=STATE_INDEX,
            KeyConditionExpression="#state = :state",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state.value}},
        )
        for page in pages:
            yield from (Batch.from_item(item) for item in page["Items"])

    def cluster(self) -> ClusterLaunch:
        """What is known of the cluster on demand."""
        item = self._get(CLUSTER_KEY)
        return ClusterLaunch() if item is None else ClusterLaunch.from_item(item)

    def save_cluster(self, launch: ClusterLaunch) -> ClusterLaunch | None:
        """Write it; None where another invocation was first."""
        return self._save(CLUSTER_KEY, launch, expires=False)

    def _save(self, key: str, seen: RecordT, *, expires: bool) -> RecordT | None:
        saved = replace(seen, version=seen.version + 1)
        item = {KEY: {"S": key}, **saved.to_item()}
        if expires:
            item |= self._expiry()
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if seen.version:
            condition = {
                "ConditionExpression": "#version = :seen",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":seen": {"N": str(seen.version)}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return saved

    def _claim_chunk(
        self, objects: Sequence[RawObject], claim: Claim, stale: Mapping[RawObject, Claim]
    ) -> set[RawObject]:
        """Claim some objects at once; those that are another's are lost, the others claimed."""
        lost: set[RawObject] = set()
        remaining = list(objects)
        for attempt in range(_TRIES):
            if not remaining:
                return lost
            puts = [{"Put": self._claiming(o, claim, stale.get(o))} for o in remaining]
            try:
                self._client.transact_write_items(TransactItems=puts)
            except self._client.exceptions.TransactionCanceledException as error:
                codes = [reason["Code"] for reason in error.response["CancellationReasons"]]
                mine = [o for o, code in zip(remaining, codes, strict=True) if code != _LOST]
                if len(mine) == len(remaining):
                    # Another transaction is on the same items just now.
                    time.sleep(0.05 * 2**attempt)
                lost |= set(remaining) - set(mine)
                remaining = mine
            else:
                return lost
        return lost | set(remaining)

    def _claiming(
        self, raw_object: RawObject, claim: Claim, stale: Claim | None
    ) -> dict[str, object]:
        # The lease and the owner of a stale claim, so that one of two who saw it wins.
        condition = "attribute_not_exists(pk) OR #owner = :owner"
        values = {":owner": {"S": claim.owner}}
        if stale is not None:
            condition += " OR (#owner = :stale AND batch_id = :batch)"
            values |= {":stale": {"S": stale.owner}, ":batch": {"S": stale.batch_id}}
        return {
            "TableName": self._table,
            "Item": {
                KEY: {"S": claim_key(raw_object)},
                "batch_id": {"S": claim.batch_id},
                "owner": {"S": claim.owner},
                "lease_until": {"N": str(claim.lease_until)},
                "uri": {"S": raw_object.uri},
                "version_id": {"S": raw_object.version_id},
                **self._expiry(),
            },
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": values,
        }

    def _expiry(self) -> Item:
        return {EXPIRY: {"N": str(self.now() + self._claim_seconds)}}

    def _get(self, key: str) -> Item | None:
        reply = self._client.get_item(
            TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True
        )
        item: Item | None = reply.get("Item")
        return item

    def _read(self, keys: Sequence[str]) -> Iterator[Item]:
        wanted = {
            self._table: {"Keys": [{KEY: {"S": key}} for key in keys], "ConsistentRead": True}
        }
        attempt = 0
        while wanted:
            reply = self._client.batch_get_item(RequestItems=wanted)
            yield from reply["Responses"].get(self._table, [])
            wanted = reply.get("UnprocessedKeys", {})
            if wanted:
                time.sleep(min(0.05 * 2**attempt, 1))
                attempt += 1
