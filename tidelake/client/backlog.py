"""What waits between the callers of a producer and its threads, in bounded memory."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeAlias

from tidelake.client.batching import BatchPolicy, SendQueue
from tidelake.client.records import DATA, Parcel, Row
from tidelake.client.settlement import Settlement
from tidelake.contract.errors import DeliveryError, ProducerFullError

Wait: TypeAlias = Callable[[threading.Condition, float | None], object]
"""Waits on a condition, at most so many seconds; a test's may let its own clock jump instead."""


_FRESH_EVENTS = 100
"""How many events are packed and counted together: not so many that they leave the cache."""


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
        self._settlement = settlement
        self._enough_events = gathered_events
        self._put_timeout_seconds = put_timeout_seconds
        self._clock = clock
        self._wait = wait
        self._fresh: list[Row] = []
        self._enough_fresh = min(_FRESH_EVENTS, gathered_events)
        self._gathered = 0
        self._due = math.inf
        self._paused_until = -math.inf
        self._under_way: dict[int, list[Parcel]] = {}
        self._stopped = False
        self.room = 0
        """How many bytes of events the batch still takes that is being gathered; 0 without one."""
        self.failure: DeliveryError | None = None
        """Why nothing can be delivered any more."""
        self.blocked_seconds = 0.0
        """How long callers waited for room."""

    def make_room(self, event_bytes: int) -> None:
        """Wait until an event of this size may be added; needless where `room` has it.

        Raises ProducerFullError when there is no room for a new batch in time, DeliveryError when
        nothing can be delivered any more.
        """
        while event_bytes > self.room:
            self.seal()
            self._begin_batch(event_bytes)

    def add(self, row: Row) -> None:
        """Take an event, for which there is room, into the batch that is being gathered."""
        self._fresh.append(row)
        self.room -= len(row[DATA])
        if len(self._fresh) >= self._enough_fresh:
            self.absorb()

    def absorb(self) -> None:
        """Have what was added packed and counted: many events at a time, since that is cheap."""
        rows, self._fresh = self._fresh, []
        self._queue.add(rows)
        self._settlement.accept(rows)
        self._gathered += len(rows)
        left = self._enough_events - self._gathered
        self._enough_fresh = min(_FRESH_EVENTS, left)
        if left <= 0:
            self.seal()

    def _begin_batch(self, event_bytes: int) -> None:
        started, timeout_seconds = time.monotonic(), self._put_timeout_seconds
        while not self._has_room():
            left = started + timeout_seconds - time.monotonic()
            if left <= 0:
                raise ProducerFullError(self._settlement.waiting_events, timeout_seconds)
            waited_from = time.monotonic()
            self._progress.wait(left)
            self.blocked_seconds += time.monotonic() - waited_from
        if self._fresh or self._gathered:
            # Another caller began one, while this one waited for room.
            return
        self.room = max(self._policy.max_bytes, event_bytes)
        self._due = self._clock() + self._policy.linger_seconds
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
        if self._fresh:
            self.absorb()
        if self._gathered:
            self._queue.seal()
            self._gathered = 0
            self._enough_fresh = min(_FRESH_EVENTS, self._enough_events)
            self._work.notify()
        self.room, self._due = 0, math.inf

    def take(self) -> list[Parcel]:
        """Wait for the records of the next call; none once the backlog is stopped."""
        with self._work:
            while not self._stopped:
                now = self._clock()
                if now >= self._due:
                    self.seal()
                call = self._queue.next_call(now) if now >= self._paused_until else []
                if call:
                    self._under_way[id(call)] = call
                    if self._queue or self._due < math.inf:
                        self._work.notify()
                    return call
                self._wait(self._work, self._seconds_until_due(now))
            return []

    def _seconds_until_due(self, now: float) -> float | None:
        due = self._due
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

    def clear(self) -> list[Parcel]:
        """Take out whatever was not handed to a thread."""
        self.seal()
        return self._queue.clear()

    def fail(self, error: DeliveryError) -> None:
        """Refuse everything from now on."""
        self.failure = error
        self.room = 0
        self._progress.notify_all()

    def stop(self) -> list[Parcel]:
        """End the threads; what was not settled, with the calls whose answer is missing."""
        self._stopped = True
        under_way = (parcel for call in self._under_way.values() for parcel in call)
        rest = [parcel for parcel in under_way if not parcel.ended]
        self._under_way.clear()
        rest += self.clear()
        self._work.notify_all()
        self._progress.notify_all()
        return rest
