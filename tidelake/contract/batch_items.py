"""The items of the batches table: claims, batches, and the launch of a cluster.

One table, keyed by `pk`, with the time to live in `expires_at`:

| pk              | what                          | attributes                                    |
|-----------------|-------------------------------|-----------------------------------------------|
| object#<digest> | a claim of one object version | batch_id, owner, lease_until, uri, version_id |
| batch#<id>      | one batch                     | the fields of `Batch`                         |
| cluster         | the cluster on demand         | the fields of `ClusterLaunch`                 |

An object is claimed before its batch is written down, and belongs to that batch for good once it
is. A claim without a batch is free again after its lease: its owner has died on the way. DynamoDB
deletes late what has expired, so leases are compared by the clock and `expires_at` is never read.

The index `by_state` lists batches by their state, those that have not changed for longest first;
claims have no state and are not in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, TypeAlias, TypeVar, get_type_hints

from tidelake.contract.manifest import RawObject
from tidelake.contract.steps import StepName

Item: TypeAlias = dict[str, dict[str, str]]
"""An item as DynamoDB's API carries it, such as `{"pk": {"S": "cluster"}}`."""

KEY = "pk"
EXPIRY = "expires_at"
STATE_INDEX = "by_state"
CLUSTER_KEY = "cluster"

RecordT = TypeVar("RecordT", bound="Record")


class BatchState(Enum):
    """How far a batch is. The first two are unfinished."""

    RECORDED = "recorded"
    """Written down; whether its step was submitted is not known."""
    SUBMITTED = "submitted"
    DONE = "done"
    SPLIT = "split"
    """Two batches of half its objects each have taken its place."""
    SET_ASIDE = "set_aside"
    """Given up on, with the reason; a message in the dead-letter queue tries it again."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """An item that changes under optimistic locking: each write is of the version after."""

    version: int = 0

    @classmethod
    def from_item(cls: type[RecordT], item: Mapping[str, Mapping[str, str]]) -> RecordT:
        """What an item says; a field that came later than the item has its default."""
        kinds = get_type_hints(cls)
        there = [field.name for field in fields(cls) if field.name in item]
        return cls(**{name: _value(item[name], kinds[name]) for name in there})

    def to_item(self) -> Item:
        return {field.name: _attribute(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Batch(Record):
    """One batch, and the step of its current attempt. Times are seconds since 1970."""

    batch_id: str
    job: str
    state: BatchState
    attempt: int
    failures: int = 0
    """Attempts that failed, since the batch was new or last set aside."""
    interruptions: int = 0
    """Attempts since then that ended otherwise, as when their cluster took them along."""
    splits: int = 0
    """How often the batch that these objects came in was halved."""
    objects: int
    cluster_id: str
    """Where the step is, or shall be; written before it is submitted, and empty before that."""
    step_id: str = ""
    owner: str
    lease_until: int
    """Until then nobody but its owner submits the step."""
    recorded_at: int
    """When the current attempt was written down: its step is no older."""
    updated_at: int
    reason: str = ""
    """Why the last attempt did not complete."""

    def step_name(self, environment: str) -> str:
        """The name of the current attempt's step, in an environment."""
        name = StepName(
            environment=environment, job=self.job, batch_id=self.batch_id, attempt=self.attempt
        )
        return str(name)

    @property
    def key(self) -> str:
        return batch_key(self.batch_id)


@dataclass(frozen=True, kw_only=True)
class ClusterLaunch(Record):
    """The cluster on demand; with a lease and no id while one invocation launches it."""

    cluster_id: str = ""
    lease_until: int = 0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Which batch an object belongs to, and who said so."""

    batch_id: str
    owner: str
    lease_until: int


def batch_key(batch_id: str) -> str:
    return f"batch#{batch_id}"


def claim_key(raw_object: RawObject) -> str:
    """A digest: bucket, key and version together may be longer than a key of DynamoDB."""
    text = f"{raw_object.bucket}\t{raw_object.key}\t{raw_object.version_id}"
    return f"object#{hashlib.sha256(text.encode()).hexdigest()}"


def _attribute(value: object) -> dict[str, str]:
    if isinstance(value, Enum):
        return {"S": str(value.value)}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def _value(attribute: Mapping[str, str], kind: type) -> Any:
    if kind is int:
        return int(attribute["N"])
    return kind(attribute["S"])
