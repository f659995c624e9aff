"""What waits between the callers of a producer and its threads, in bounded memory."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from tidelake.client.batching import SIZE, BatchPolicy, Parcel, Row, SendQueue
from tidelake.client.settlement import Settlement
from tidelake.contract.errors import DeliveryError, ProducerFullError

Wait: TypeAlias = Callable[[threading.Condition, float | None], object]
"""Waits on a condition, at most so many seconds; a test's may let its own clock jump instead."""


class Backlog:
    """Gathers events into batches, hands them to the sending threads, and counts what waits.

    Events pass the lock one by one, but threads only wake for batches. Methods other than `take`
    and `wait_until_idle` are called with `lock` held.
    """

    def __init__(
        self,
        lock: threading.Lock,
        queue: SendQueue,
        policy: BatchPolicy,
        settlement: Settlement,
        *,
        gathered_events: int,
        put_timeout_seconds: float,
        clock: Callable[[], float],
        wait: Wait,
    ) -> None:
        self._work = threading.Condition(lock)
        self._progress = threading.Condition(lock)
        self._queue = queue
        self._policy = policy
        self._max_bytes = policy.max_bytes
        self._settlement = settlement
        self._gathered_events = gathered_events
        self._put_timeout_seconds = put_timeout_seconds
        self._clock = clock
        self._wait = wait
        self._gathering: list[Row] = []
        self._gathered_bytes = 0
        self._counted = 0
        self._gathering_since = 0.0
        self._paused_until = -math.inf
        self._under_way: dict[int, list[Parcel]] = {}
        self._stopped = False
        self.failure: DeliveryError | None = None
        """Why nothing can be delivered any more."""
        self.blocked_seconds = 0.0
        """How long callers waited for room."""

    def make_room(self, size: int) -> None:
        """Wait until an event of this size may be added.

        Raises ProducerFullError when there is no room for a new batch in time, DeliveryError when
        nothing can be delivered any more.
        """
        if self._gathered_bytes + size > self._max_bytes:
            self.seal()
        if not self._gathering:
            self._begin_batch()

    def add(self, row: Row) -> None:
        """Take an event, for which room was made, into the batch that is being gathered."""
        self._gathering.append(row)
        self._gathered_bytes += row[SIZE]
        if len(self._gathering) >= self._gathered_events:
            self.seal()

    def _begin_batch(self) -> None:
        started, timeout_seconds = time.monotonic(), self._put_timeout_seconds
        while not self._has_room():
            left = started + timeout_seconds - time.monotonic()
            if left <= 0:
                raise ProducerFullError(self._settlement.waiting_events, timeout_seconds)
            waited_from = time.monotonic()
            self._progress.wait(left)
            self.blocked_seconds += time.monotonic() - waited_from
        self._gathering_since = self._clock()
        # A thread must know when the batch is due.
        self._work.notify()

    def _has_room(self) -> bool:
        if self.failure is not None:
            raise self.failure
        if self._stopped:
            raise DeliveryError("the producer is closed; nothing can be put any more")
        held, policy = self._settlement, self._policy
        return (
            held.waiting_events < policy.max_waiting_events
            and held.waiting_bytes < policy.max_waiting_bytes
            and held.waiting_positions < policy.max_waiting_events
        )

    def seal(self) -> None:
        """Let the batch that is being gathered be sent as it is."""
        self.count_gathered()
        if self._gathering:
            self._queue.add(self._gathering)
            self._gathering = []
            self._gathered_bytes = 0
            self._counted = 0
            self._work.notify()

    def count_gathered(self) -> None:
        """Have what was gathered counted: many events at a time, since that is cheap."""
        if self._counted < len(self._gathering):
            self._settlement.accept(self._gathering[self._counted :])
            self._counted = len(self._gathering)

    def take(self) -> list[Parcel]:
        """Wait for the records of the next call; none once the backlog is stopped."""
        with self._work:
            while not self._stopped:
                now = self._clock()
                if self._gathering and now >= self._gathering_since + self._policy.linger_seconds:
                    self.seal()
                call = self._queue.next_call(now) if now >= self._paused_until else []
                if call:
                    self._under_way[id(call)] = call
                    if self._queue or self._gathering:
                        self._work.notify()
                    return call
                self._wait(self._work, self._seconds_until_due(now))
            return []

    def _seconds_until_due(self, now: float) -> float | None:
        due = math.inf
        if self._gathering:
            due = self._gathering_since + self._policy.linger_seconds
        if self._queue:
            given_back = self._queue.next_due()
            again = -math.inf if given_back is None else given_back
            due = min(due, max(again, self._paused_until))
        return None if due == math.inf else max(0.0, due - now)

    def is_under_way(self, call: list[Parcel]) -> bool:
        """Whether a call's outcome is still waited for: `stop` gives up all."""
        return id(call) in self._under_way

    def answered(
        self, call: list[Parcel], done: Iterable[Parcel], again: list[Parcel], due: float
    ) -> None:
        """A call ended; its records in `again` are sent again at `due`, and nothing until then."""
        del self._under_way[id(call)]
        self._queue.done(done)
        if again:
            self._queue.give_back(again, due)
            self._paused_until = max(self._paused_until, due)
            self._work.notify()
        self._progress.notify_all()

    def wait_until_idle(self, timeout_seconds: float = math.inf) -> bool:
        """Have everything sent; whether all of it came to its end in time, or to a failure."""
        give_up = time.monotonic() + timeout_seconds
        with self._progress:
            while self.failure is None:
                self.seal()
                if not (self._queue or self._under_way):
                    return True
                left = give_up - time.monotonic()
                if left <= 0:
                    return False
                self._progress.wait(None if left == math.inf else left)
            return True

    def clear(self) -> list[Row]:
        """Take out whatever was not handed to a thread."""
        self.seal()
        return self._queue.clear()

    def fail(self, error: DeliveryError) -> None:
        """Refuse everything from now on."""
        self.failure = error
        self._progress.notify_all()

    def stop(self) -> list[Row]:
        """End the threads; what was not settled, with the calls whose answer is missing."""
        self._stopped = True
        rest = [row for call in self._under_way.values() for parcel in call for row in parcel.rows]
        self._under_way.clear()
        rest += self.clear()
        self._work.notify_all()
        self._progress.notify_all()
        return rest
