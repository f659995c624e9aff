"""Checkpoints: how far an application is through each shard, and who reads which shard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from tidelake.client.transport import LATEST, TRIM_HORIZON, Position, ReceivedRecord, Shard
from tidelake.contract.errors import ConfigurationError


class Checkpoint(NamedTuple):
    """The last record of a shard that is done; of an aggregated one, the last that was in it."""

    sequence_number: str
    sub_sequence: int | None = None

    @classmethod
    def of(cls, record: ReceivedRecord) -> Checkpoint:
        return cls(record.sequence_number, record.sub_sequence)

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        number, _, sub_sequence = text.partition(".")
        return cls(number, int(sub_sequence) if sub_sequence else None)

    def to_text(self) -> str:
        """`NUMBER` or `NUMBER.PLACE`."""
        if self.sub_sequence is None:
            return self.sequence_number
        return f"{self.sequence_number}.{self.sub_sequence}"

    @property
    def position(self) -> Position:
        """Where to read on. An aggregated record is read again, and what is done in it skipped."""
        if self.sub_sequence is None:
            return Position.after(self.sequence_number)
        return Position.at_record(self.sequence_number)

    def covers(self, record: ReceivedRecord) -> bool:
        """Whether `record`, read from `position` on, is done already."""
        return (
            self.sub_sequence is not None
            and record.sub_sequence is not None
            and record.sequence_number == self.sequence_number
            and record.sub_sequence <= self.sub_sequence
        )


SHARD_END = Checkpoint("SHARD_END")
"""Everything in a closed shard is done, so that its children may be read."""


@dataclass(frozen=True)
class Origin:
    """Where an application began: decided once, for the shards that there were then.

    Shards that appear later are their children and begin at their first record, whatever the
    origin: what is in them came after it.
    """

    position: Position
    shard_ids: frozenset[str]
    passed_over: frozenset[str] = frozenset()
    """Shards that were closed when an application began at the newest record."""

    @classmethod
    def choose(cls, shards: Iterable[Shard], start: Position) -> Origin:
        listed = list(shards)
        passed_over = [s.shard_id for s in listed if s.closed and start is LATEST]
        return cls(start, frozenset(s.shard_id for s in listed), frozenset(passed_over))

    def pinned(self) -> Origin:
        """With LATEST as the time by this machine's clock, which means the same after a restart."""
        if self.position is not LATEST:
            return self
        return Origin(Position.at(datetime.now(UTC)), self.shard_ids, self.passed_over)

    def to_document(self) -> dict[str, Any]:
        """Plain values for JSON; the position must be pinned."""
        timestamp = self.position.timestamp
        return {
            "position": self.position.type,
            "timestamp": None if timestamp is None else timestamp.isoformat(),
            "shards": sorted(self.shard_ids),
            "passed_over": sorted(self.passed_over),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Origin:
        timestamp = document["timestamp"]
        if timestamp is None:
            position = TRIM_HORIZON
        else:
            position = Position.at(datetime.fromisoformat(timestamp))
        return cls(position, frozenset(document["shards"]), frozenset(document["passed_over"]))


class Resume(NamedTuple):
    """Where to begin in a shard, and the checkpoint that was reached before, if any."""

    position: Position
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class Standing:
    """Where an application stands: its origin, and the checkpoint of each shard that has one."""

    origin: Origin
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)

    def is_finished(self, shard_id: str) -> bool:
        ended = self.checkpoints.get(shard_id) == SHARD_END
        return ended or (shard_id in self.origin.passed_over and shard_id not in self.checkpoints)

    def resume(self, shard_id: str) -> Resume:
        checkpoint = self.checkpoints.get(shard_id)
        if checkpoint is not None:
            return Resume(checkpoint.position, checkpoint)
        begins = shard_id in self.origin.shard_ids
        return Resume(self.origin.position if begins else TRIM_HORIZON)

    def readable(self, shards: Sequence[Shard]) -> list[Shard]:
        """The shards that are not done, but whose parents are; so no key ever loses its order.

        A parent that the stream lists no more has expired: nothing of it is left to read.
        """
        listed = {shard.shard_id for shard in shards}
        return [
            shard
            for shard in shards
            if not self.is_finished(shard.shard_id)
            and all(p not in listed or self.is_finished(p) for p in shard.parents)
        ]


class Claim(NamedTuple):
    """The shards that are one consumer's to read now, and whether nothing is left for anyone."""

    shards: Mapping[str, Resume]
    all_finished: bool


class Checkpoints(Protocol):
    """Keeps the standing of one application on one stream, and says who reads what.

    Every method raises TransportError where what keeps it cannot be reached.
    """

    claim_seconds: float
    """How often `claim` has to be called, whether or not a shard has ended."""

    def claim(self, shards: Sequence[Shard], start: Position) -> Claim:
        """What to read now, of the shards that the stream lists.

        The first call of an application decides where it begins, by `start`.
        """

    def holds(self, shard_id: str) -> bool:
        """Whether a claimed shard is still this consumer's to read."""

    def save(self, shard_id: str, checkpoint: Checkpoint) -> None:
        """Remember; LeaseLostError if the shard is another's by now, and then nothing changes."""

    def close(self) -> None:
        """Let go, so that another may go on at once."""


class MemoryCheckpoints:
    """The standing of a consumer that reads alone and starts anew each time; all shards are its."""

    claim_seconds = float("inf")

    def __init__(self) -> None:
        self._standing: Standing | None = None
        self._process = os.getpid()

    def claim(self, shards: Sequence[Shard], start: Position) -> Claim:
        self._refuse_other_process()
        if self._standing is None:
            self._standing = Standing(Origin.choose(shards, start))
        return claim_all(self._standing, shards)

    def holds(self, shard_id: str) -> bool:  # noqa: ARG002  all are
        return True

    def save(self, shard_id: str, checkpoint: Checkpoint) -> None:
        self._refuse_other_process()
        assert self._standing is not None, "claimed first"  # noqa: S101  the protocol's order
        self._standing.checkpoints[shard_id] = checkpoint

    def close(self) -> None:
        """Nothing is held."""

    def _refuse_other_process(self) -> None:
        # A forked child has a copy of its own: both would read everything.
        if os.getpid() != self._process:
            raise ConfigurationError(
                "checkpoints", "in memory", "use by the process that made them"
            )


def claim_all(standing: Standing, shards: Sequence[Shard]) -> Claim:
    """The claim of the only reader of an application."""
    readable = {s.shard_id: standing.resume(s.shard_id) for s in standing.readable(shards)}
    return Claim(readable, all_finished=not readable)
