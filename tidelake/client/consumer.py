"""The consumer: every record of a data stream, parents before children, over all shards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, TypeVar

from tidelake.client.checkpoints import (
    SHARD_END,
    Checkpoint,
    Checkpoints,
    MemoryCheckpoints,
)
from tidelake.client.shard_reader import POLLING, Pace, Patience, ShardReader
from tidelake.client.transport import (
    TRIM_HORIZON,
    Position,
    ReadTransport,
    ReceivedRecord,
    Shard,
)
from tidelake.contract.errors import LeaseLostError, TransportError

ReplyT = TypeVar("ReplyT")


class Lag(NamedTuple):
    """How far a consumer is behind the newest records of the shards that it reads."""

    milliseconds: int
    """Of the shard that is furthest behind."""
    shards: int


class Consumer:
    """Reads one data stream from one thread, at least once, in order within each shard.

    A closed shard is read to its end before its children, so that the order of a partition key
    outlives splits and merges. An expired iterator resumes after the last record that was read.
    Aggregated records are taken apart. Failed calls are repeated with full jitter; after
    `deadline_seconds` of nothing but failures TransportError is raised.

    A record counts as done when the next one is asked for, or `checkpoint` is called; what is done
    is saved every `checkpoint_seconds`. After a crash the application goes on from what was saved:
    records since then come again, none is left out. Calling a method again goes on where the last
    one stopped.
    """

    def __init__(
        self,
        transport: ReadTransport,
        stream: str,
        *,
        start: Position = TRIM_HORIZON,
        checkpoints: Checkpoints | None = None,
        checkpoint_seconds: float = 1.0,
        pace: Pace = POLLING,
        deadline_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`start` is TRIM_HORIZON, LATEST or Position.at(timestamp), for the first run ever.

        Without `checkpoints` every run is the first one, and reads all shards.
        """
        self._transport = transport
        self._stream = stream
        self._start = start
        self._checkpoints = MemoryCheckpoints() if checkpoints is None else checkpoints
        self._checkpoint_seconds = checkpoint_seconds
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._patience = Patience(deadline_seconds, clock)
        self._readers: dict[str, ShardReader] = {}
        self._closed: frozenset[str] = frozenset()
        self._saved: dict[str, ReceivedRecord] = {}
        self._all_finished = False
        self._claim_due = float("-inf")
        self._save_due = float("-inf")

    def read_to_tip(self) -> Iterator[ReceivedRecord]:
        """Yield records until every shard was read to its newest one, then stop."""
        for reader in self._readers.values():
            reader.at_tip = False
        return self._read(until_tip=True)

    def follow(self) -> Iterator[ReceivedRecord]:
        """Yield records as they arrive, for ever; stops only if the stream has no open shard."""
        return self._read(until_tip=False)

    @property
    def lag(self) -> Lag:
        """How far behind it is, by the last answer about each shard that it reads."""
        behind = [reader.millis_behind for reader in self._readers.values()]
        return Lag(max(behind, default=0), len(behind))

    def checkpoint(self) -> None:
        """Save that every record handed out so far is done, the last one included."""
        for reader in list(self._readers.values()):
            if reader.handed is not None and reader.handed is not self._saved.get(reader.shard_id):
                self._save(reader, Checkpoint.of(reader.handed))
                self._saved[reader.shard_id] = reader.handed
        self._save_due = self._clock() + self._checkpoint_seconds

    def close(self) -> None:
        """Let go of the shards, so that another worker may take them at once. Saves nothing."""
        for shard_id in list(self._readers):
            self._drop(shard_id)
        self._checkpoints.close()

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, *, until_tip: bool) -> Iterator[ReceivedRecord]:
        self._patience.start()
        while True:
            if self._clock() >= self._claim_due:
                self._claim()
            if self._clock() >= self._save_due:
                self.checkpoint()
            ready = [r for r in self._readers.values() if not (until_tip and self._is_at_tip(r))]
            if not ready and (until_tip or self._all_finished):
                self.checkpoint()
                return
            due = min((reader.due for reader in ready), default=self._claim_due)
            self._sleep_until(min(due, self._claim_due))
            reader = min(ready, key=lambda candidate: candidate.due, default=None)
            if reader is not None and reader.due <= self._clock():
                yield from self._records_of(reader)

    def _is_at_tip(self, reader: ShardReader) -> bool:
        """A closed shard is at its tip only at its end: its children come after that."""
        return reader.at_tip and reader.shard_id not in self._closed

    def _records_of(self, reader: ShardReader) -> Iterator[ReceivedRecord]:
        """The next page of one shard, unless another worker takes the shard meanwhile."""
        if not self._checkpoints.holds(reader.shard_id):
            self._drop(reader.shard_id)
            return
        records = reader.read()
        try:
            for record in records:
                reader.handed = record
                yield record
                if self._clock() >= self._save_due:
                    self.checkpoint()
                    if reader.shard_id not in self._readers:
                        return
        except GeneratorExit:
            # A caller that stops within the page goes on after the last record that it saw.
            reader.read_again_after(reader.handed)  # type: ignore[arg-type]  # it saw one
            raise
        if reader.finished:
            self._save(reader, SHARD_END)
            self._drop(reader.shard_id)
            self._claim()

    def _claim(self) -> None:
        """Ask which shards are ours now: begin with new ones, leave those that are not any more."""
        claim = self._insist(lambda: self._checkpoints.claim(self._listed(), self._start))
        for shard_id in [s for s in self._readers if s not in claim.shards]:
            self._drop(shard_id)
        for shard_id, resume in claim.shards.items():
            if shard_id not in self._readers:
                self._readers[shard_id] = ShardReader(
                    self._transport,
                    self._stream,
                    shard_id,
                    resume,
                    pace=self._pace,
                    patience=self._patience,
                )
        self._all_finished = claim.all_finished
        self._claim_due = self._clock() + self._checkpoints.claim_seconds

    def _listed(self) -> Sequence[Shard]:
        shards = self._transport.list_shards(self._stream)
        self._closed = frozenset(shard.shard_id for shard in shards if shard.closed)
        return shards

    def _save(self, reader: ShardReader, checkpoint: Checkpoint) -> None:
        try:
            self._insist(lambda: self._checkpoints.save(reader.shard_id, checkpoint))
        except LeaseLostError:
            self._drop(reader.shard_id)

    def _drop(self, shard_id: str) -> None:
        if self._readers.pop(shard_id, None) is not None:
            self._saved.pop(shard_id, None)
            self._transport.leave_shard(shard_id)

    def _insist(self, call: Callable[[], ReplyT]) -> ReplyT:
        failures = 0
        while True:
            try:
                reply = call()
            except TransportError as error:
                failures += 1
                self._sleep(self._patience.wait_seconds(error, failures))
            else:
                self._patience.succeeded()
                return reply

    def _sleep_until(self, due: float) -> None:
        wait = due - self._clock()
        if wait > 0:
            self._sleep(wait)
