"""Operating a data stream: what it is like, waiting for it, its shard count, its retention."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tidelake.client.boto_transport import transport_errors
from tidelake.contract.errors import CommandError, ConfigurationError, TransportError

PROVISIONED = "PROVISIONED"
ACTIVE = "ACTIVE"

MOST_UPDATES_A_DAY = 10
"""UpdateShardCount in 24 hours, each at most doubling or halving (Kinesis API reference)."""

MIN_RETENTION_HOURS = 24
MAX_RETENTION_HOURS = 8_760

_POLL_SECONDS = 1.0
_HASH_KEYS = 2**128


@dataclass(frozen=True)
class ShardState:
    """A shard; `share` is the part of all partition keys that it takes, 0 to 1."""

    shard_id: str
    share: float
    closed: bool
    parents: tuple[str, ...]


@dataclass(frozen=True)
class StreamState:
    """A data stream as it is now."""

    name: str
    status: str
    mode: str
    """PROVISIONED or ON_DEMAND."""
    retention_hours: int
    encryption: str
    consumers: int
    """Registered ones, with enhanced fan-out."""
    shards: tuple[ShardState, ...]

    @property
    def open_shards(self) -> int:
        return sum(not shard.closed for shard in self.shards)

    def to_document(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"open_shards": self.open_shards}


class StreamOperations:
    """Operates one stream through a boto3 Kinesis client.

    Every method raises TransportError where a call fails.
    """

    def __init__(
        self, client: Any, stream: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._stream = stream
        self._sleep = sleep

    def describe(self) -> StreamState:
        """The stream and every shard that still holds records."""
        with transport_errors("DescribeStreamSummary", self._stream):
            summary = self._client.describe_stream_summary(StreamName=self._stream)
        found = summary["StreamDescriptionSummary"]
        return StreamState(
            name=found["StreamName"],
            status=found["StreamStatus"],
            mode=found.get("StreamModeDetails", {}).get("StreamMode", PROVISIONED),
            retention_hours=found["RetentionPeriodHours"],
            encryption=found.get("EncryptionType", "NONE"),
            consumers=found.get("ConsumerCount", 0),
            shards=self._shards(),
        )

    def wait(
        self,
        on_progress: Callable[[StreamState], None] = lambda _state: None,
        *,
        limit_seconds: float = 900.0,
    ) -> StreamState:
        """Wait until the stream is ACTIVE; CommandError after `limit_seconds`."""
        return self._wait_for(None, on_progress, limit_seconds)

    def _wait_for(
        self,
        open_shards: int | None,
        on_progress: Callable[[StreamState], None],
        limit_seconds: float = 900.0,
    ) -> StreamState:
        """Also until so many shards are open, if that is said: after an update the stream may be
        seen as it was for a moment, ACTIVE."""
        deadline = time.monotonic() + limit_seconds
        while True:
            state = self.describe()
            on_progress(state)
            if state.status == ACTIVE and open_shards in (None, state.open_shards):
                return state
            if time.monotonic() > deadline:
                raise CommandError(
                    f"data stream {self._stream!r} is {state.status} with {state.open_shards} open "
                    f"shards after {limit_seconds:.0f} s"
                )
            self._sleep(_POLL_SECONDS)

    def scale(
        self, shards: int, on_progress: Callable[[StreamState], None] = lambda _state: None
    ) -> StreamState:
        """Make `shards` open shards, in as few steps as AWS allows, each waited for.

        No record is lost: the old shards stay readable until their retention is over. Interrupted,
        it goes on from where it is when called again. Raises ConfigurationError for an on-demand
        stream, for a count that is out of reach within a day, or when AWS has had its ten.
        """
        state = self.wait(on_progress)
        if state.mode != PROVISIONED:
            raise ConfigurationError(
                "shards",
                shards,
                f"a provisioned stream; {self._stream} is on demand and scales itself",
            )
        steps = scaling_steps(state.open_shards, shards)
        if len(steps) > MOST_UPDATES_A_DAY:
            raise ConfigurationError(
                "shards",
                shards,
                f"what {MOST_UPDATES_A_DAY} doublings or halvings of {state.open_shards} reach",
            )
        for step in steps:
            self._update_shard_count(step)
            state = self._wait_for(step, on_progress)
        return state

    def set_retention(self, hours: int) -> StreamState:
        """Keep records for so many hours; lowering it forgets older ones for good."""
        if not MIN_RETENTION_HOURS <= hours <= MAX_RETENTION_HOURS:
            allowed = f"a whole number from {MIN_RETENTION_HOURS} to {MAX_RETENTION_HOURS}"
            raise ConfigurationError("hours", hours, allowed)
        current = self.describe().retention_hours
        if hours > current:
            with transport_errors("IncreaseStreamRetentionPeriod", self._stream):
                self._client.increase_stream_retention_period(
                    StreamName=self._stream, RetentionPeriodHours=hours
                )
        elif hours < current:
            with transport_errors("DecreaseStreamRetentionPeriod", self._stream):
                self._client.decrease_stream_retention_period(
                    StreamName=self._stream, RetentionPeriodHours=hours
                )
        return self.wait()

    def _update_shard_count(self, shards: int) -> None:
        try:
            with transport_errors("UpdateShardCount", self._stream):
                self._client.update_shard_count(
                    StreamName=self._stream,
                    TargetShardCount=shards,
                    ScalingType="UNIFORM_SCALING",
                )
        except TransportError as error:
            if error.code != "LimitExceededException":
                raise
            allowed = f"{MOST_UPDATES_A_DAY} changes in 24 hours, and the account's limit of shards"
            raise ConfigurationError("shards", shards, allowed) from error

    def _shards(self) -> tuple[ShardState, ...]:
        shards: list[ShardState] = []
        query = {"StreamName": self._stream}
        while query:
            with transport_errors("ListShards", self._stream):
                reply = self._client.list_shards(**query)
            shards.extend(_shard(entry) for entry in reply["Shards"])
            query = {"NextToken": reply["NextToken"]} if reply.get("NextToken") else {}
        return tuple(shards)


def scaling_steps(current: int, target: int) -> list[int]:
    """The shard counts on the way, each at most twice or at least half of the one before."""
    steps: list[int] = []
    while current != target:
        current = min(target, 2 * current) if target > current else max(target, -(-current // 2))
        steps.append(current)
    return steps


def _shard(entry: dict[str, Any]) -> ShardState:
    keys = entry["HashKeyRange"]
    size = int(keys["EndingHashKey"]) - int(keys["StartingHashKey"]) + 1
    parents = (entry.get("ParentShardId"), entry.get("AdjacentParentShardId"))
    return ShardState(
        shard_id=entry["ShardId"],
        share=size / _HASH_KEYS,
        closed="EndingSequenceNumber" in entry["SequenceNumberRange"],
        parents=tuple(parent for parent in parents if parent),
    )
