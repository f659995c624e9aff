"""Leases: several workers of one application share a stream, and take over from a dead one."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tidelake.client.checkpoints import Checkpoint, Claim, Origin, Standing
from tidelake.client.lease_table import Lease, LeaseTable, Snapshot
from tidelake.client.transport import Position, Shard
from tidelake.contract.errors import LeaseLostError, LeaseTableError, TidelakeError

_log = logging.getLogger("tidelake.leases")

BEATS_PER_LEASE = 3
"""How often an owner shows that it lives within the time after which it counts as dead."""


class _Held(NamedTuple):
    lease: Lease
    until: float
    """When others may take us for dead, by our own clock."""


class Leases:
    """One worker's part of the shards; the table is what the workers agree by.

    A worker that has not shown itself for `lease_seconds` counts as dead, and others take its
    shards over. Nobody's clock is compared with another's: each watches for how long an owner's
    heartbeat stands still. A worker that cannot reach the table stops reading in time. Shards are
    spread evenly: a worker with two fewer than the busiest takes one of its. What that one had
    read and not saved yet comes twice.
    """

    def __init__(
        self,
        table: LeaseTable,
        *,
        lease_seconds: float = 10.0,
        worker: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`worker` must be unique; by default it is made of host, process and a random part."""
        self.claim_seconds = lease_seconds / BEATS_PER_LEASE
        self.worker = _worker_name() if worker is None else worker
        self._table = table
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._seen: dict[str, tuple[Lease, float]] = {}
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="tidelake-leases", daemon=True)
        self._heart.start()

    def claim(self, shards: Sequence[Shard], start: Position) -> Claim:
        snapshot = self._table.read()
        if snapshot is None:
            self._table.begin(Origin.choose(shards, start).pinned())
            snapshot = self._table.read()
            assert snapshot is not None, "begun above"  # noqa: S101  nobody deletes it
        standing = snapshot.standing
        readable = [shard.shard_id for shard in standing.readable(shards)]
        self._drop_lost(snapshot.leases, readable)
        self._watch(snapshot.leases)
        for lease in self._wanted(snapshot, readable):
            self._take(lease, standing)
        mine = {s: standing.resume(s) for s in readable if self.holds(s)}
        return Claim(mine, all_finished=not readable)

    def holds(self, shard_id: str) -> bool:
        with self._lock:
            held = self._held.get(shard_id)
        return held is not None and self._clock() < held.until

    def save(self, shard_id: str, checkpoint: Checkpoint) -> None:
        with self._lock:
            held = self._held.get(shard_id)
        if held is None:
            raise LeaseLostError(shard_id)
        try:
            self._table.save(held.lease, checkpoint)
        except LeaseLostError:
            self._forget(held.lease)
            raise

    def close(self) -> None:
        """Release every shard; where the table cannot be reached they expire instead."""
        self._closing.set()
        self._heart.join()
        for held in list(self._held.values()):
            self._forget(held.lease)
            try:
                self._table.release(held.lease)
            except TidelakeError as error:
                _log.warning("lease is left to expire: %s", error)

    # Which leases to take

    def _wanted(self, snapshot: Snapshot, readable: Sequence[str]) -> list[Lease]:
        """Free shards up to our share, and then one at a time of those that have two more."""
        leases = {s: snapshot.leases.get(s, Lease(s, None, 0, 0)) for s in readable}
        mine = {s for s in readable if self.holds(s)}
        others = {s: lease for s, lease in leases.items() if s not in mine}
        alive = {s: lease for s, lease in others.items() if self._is_alive(lease)}
        load = Counter(str(lease.owner) for lease in alive.values())
        share = math.ceil(len(readable) / (len(load) + 1))
        free = [lease for s, lease in others.items() if s not in alive]
        wanted = free[: max(0, share - len(mine))]
        count = len(mine) + len(wanted)
        while load and (busiest := max(load.values())) - count >= 2:
            owner = next(name for name, shards in load.items() if shards == busiest)
            stolen = next(s for s, lease in alive.items() if lease.owner == owner)
            wanted.append(alive.pop(stolen))
            load[owner] -= 1
            count += 1
        return wanted

    def _is_alive(self, lease: Lease) -> bool:
        if lease.owner is None or lease.owner == self.worker:
            # One of our own that we do not hold: it expired while we could not reach the table.
            return False
        _, since = self._seen[lease.shard_id]
        return self._clock() - since < self._lease_seconds

    def _watch(self, leases: Mapping[str, Lease]) -> None:
        """Note since when each lease has been as it is now."""
        now = self._clock()
        for shard_id, lease in leases.items():
            if shard_id not in self._seen or self._seen[shard_id][0] != lease:
                self._seen[shard_id] = (lease, now)

    def _take(self, lease: Lease, standing: Standing) -> None:
        asked = self._clock()
        taken = self._table.take(lease, self.worker)
        if taken is None:
            return  # another worker was faster
        mine, checkpoint = taken
        if checkpoint is not None:
            standing.checkpoints[lease.shard_id] = checkpoint
        if standing.is_finished(lease.shard_id):
            self._table.release(mine)
            return
        with self._lock:
            self._held[lease.shard_id] = _Held(mine, asked + self._lease_seconds)

    # Keeping those that are ours

    def _drop_lost(self, leases: Mapping[str, Lease], readable: Sequence[str]) -> None:
        for shard_id, held in list(self._held.items()):
            now = leases.get(shard_id)
            is_ours = now is not None and (now.owner, now.epoch) == (self.worker, held.lease.epoch)
            if not is_ours or shard_id not in readable:
                self._forget(held.lease)

    def _beat(self) -> None:
        while not self._closing.wait(self.claim_seconds):
            for held in list(self._held.values()):
                self._beat_once(held.lease)

    def _beat_once(self, lease: Lease) -> None:
        asked = self._clock()
        try:
            self._table.beat(lease)
        except LeaseLostError:
            self._forget(lease)
        except LeaseTableError as error:
            _log.warning("heartbeat failed: %s", error)
        else:
            with self._lock:
                if lease.shard_id in self._held and self._held[lease.shard_id].lease is lease:
                    self._held[lease.shard_id] = _Held(lease, asked + self._lease_seconds)

    def _forget(self, lease: Lease) -> None:
        with self._lock:
            if lease.shard_id in self._held and self._held[lease.shard_id].lease is lease:
                del self._held[lease.shard_id]


def _worker_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
