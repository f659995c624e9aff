"""What the producer's threads do: take the records of a call, send them, read the outcome."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

from tidelake.client.aggregation import ShardMap
from tidelake.client.backlog import Backlog
from tidelake.client.records import Parcel
from tidelake.client.retry import RetryPolicy
from tidelake.client.settlement import Settlement
from tidelake.client.transport import AllStored, Outcome, PutTransport
from tidelake.contract.errors import DeliveryError, TransportError

_REFUSALS = frozenset(("InvalidArgumentException", "ValidationException"))
"""Errors of a call whose records, or their sum, the stream does not take."""


class Sender:
    """Sends calls until the backlog stops; any number of threads may `run` the same one.

    A record that is not stored by its deadline is given up; once that happened with nothing stored
    at all, records get a single attempt until one succeeds, so that a dead stream costs the
    deadline once.
    """

    def __init__(
        self,
        transport: PutTransport,
        stream: str,
        *,
        lock: threading.Lock,
        backlog: Backlog,
        settlement: Settlement,
        shard_map: ShardMap | None,
        retry: RetryPolicy,
        clock: Callable[[], float],
        jitter: random.Random,
    ) -> None:
        self._transport = transport
        self._stream = stream
        self._lock = lock
        self._backlog = backlog
        self._settlement = settlement
        self._shard_map = shard_map
        self._retry = retry
        self._clock = clock
        self._jitter = jitter
        self._unreachable = False

    def run(self) -> None:
        """What a thread does."""
        try:
            while True:
                if self._shard_map is not None:
                    self._shard_map.refresh()
                call = self._backlog.take()
                if not call:
                    return
                self._send(call)
        except Exception as error:
            # Full dead letters, or a defect: callers must hear of it, whatever it is.
            failure = DeliveryError(f"sending stopped: {type(error).__name__}: {error}")
            failure.__cause__ = error
            with self._lock:
                # It may be the callback that failed: what is left is settled without it.
                self._settlement.on_outcome = None
                self._backlog.fail(error if isinstance(error, DeliveryError) else failure)

    def _send(self, call: list[Parcel]) -> None:
        started = self._clock()
        for parcel in call:
            if not parcel.attempts:
                parcel.since = started
        fatal = None
        try:
            outcomes = self._put(call)
        except TransportError as error:
            fatal = error
            outcomes = [Outcome(error.code, "", "")] * len(call)
        with self._lock:
            # A producer that was closed meanwhile has set these events aside.
            if self._backlog.is_under_way(call):
                self._count_retries(call)
                again, due = self._settle(call, outcomes, fatal)
                done = [parcel for parcel in call if parcel not in again] if again else call
                self._backlog.answered(call, done, again, due)

    def _put(self, parcels: Sequence[Parcel]) -> Sequence[Outcome]:
        """Put records. A call that the stream refuses is cut in halves: none takes others down.

        Raises TransportError if trying again cannot help.
        """
        try:
            return self._transport.put_records(self._stream, [parcel.record for parcel in parcels])
        except TransportError as error:
            if not error.retryable and error.code not in _REFUSALS:
                raise
            if error.retryable or len(parcels) == 1:
                return [Outcome(error.code, "", "")] * len(parcels)
        middle = len(parcels) // 2
        return [*self._put(parcels[:middle]), *self._put(parcels[middle:])]

    def _count_retries(self, call: list[Parcel]) -> None:
        for parcel in call:
            if parcel.attempts:
                for source, events, _ in parcel.tally():
                    self._settlement.by_source[source].retried += events

    def _settle(
        self, call: list[Parcel], outcomes: Sequence[Outcome], fatal: TransportError | None
    ) -> tuple[list[Parcel], float]:
        """Bring every record of a call to its end, but for those returned: again, and from when."""
        failed = self._settle_stored(call, outcomes)
        if fatal is not None:
            self._fail(call, fatal)
            return [], 0.0
        if len(failed) < len(call):
            self._unreachable = False
        if not failed:
            return [], 0.0
        return self._give_up_late(failed, share=len(failed) / len(call))

    def _settle_stored(
        self, call: list[Parcel], outcomes: Sequence[Outcome]
    ) -> list[tuple[Parcel, str]]:
        """Settle what was stored or refused for good; what was neither, each with its error."""
        told = self._settlement.on_outcome is not None
        if isinstance(outcomes, AllStored) and not told and self._shard_map is None:
            self._settlement.deliver(call)
            return []
        stored: list[tuple[Parcel, Outcome]] = []
        failed: list[tuple[Parcel, str]] = []
        for parcel, outcome in zip(call, outcomes, strict=True):
            if outcome.error_code is None:
                stored.append((parcel, outcome))
                if self._shard_map is not None:
                    self._shard_map.saw(outcome.shard_id)
            elif outcome.error_code in _REFUSALS:
                self._settlement.refuse(parcel, outcome.error_code)
            else:
                failed.append((parcel, outcome.error_code))
        self._settlement.deliver([parcel for parcel, _ in stored])
        # Counted by now, whatever is done with the news.
        for parcel, outcome in stored:
            self._settlement.tell(parcel, outcome)
        return failed

    def _give_up_late(
        self, failed: list[tuple[Parcel, str]], share: float
    ) -> tuple[list[Parcel], float]:
        """Give up what the next attempt would bring past its deadline; return the others."""
        failures = 1 + max(parcel.attempts for parcel, _ in failed)
        due = self._clock() + self._retry.wait_seconds(failures, self._jitter) * share
        patience = 0.0 if self._unreachable else self._retry.deadline_seconds
        again = []
        for parcel, error_code in failed:
            if due - parcel.since > patience:
                self._settlement.give_up([parcel], error_code)
            else:
                parcel.attempts += 1
                again.append(parcel)
        if share == 1 and len(again) < len(failed):
            self._unreachable = True
        return again, due

    def _fail(self, call: list[Parcel], fatal: TransportError) -> None:
        """No call can succeed (no such stream, no permission): give up everything that waits."""
        # All is under way until it is set aside: what cannot be written now is there at the end.
        call += self._backlog.clear()
        self._settlement.give_up(call, fatal.code)
        events = sum(len(parcel.notes) for parcel in call)
        kept = f"{events} events {self._settlement.where_given_up}"
        failure = DeliveryError(f"{fatal}; {kept}")
        failure.__cause__ = fatal
        self._backlog.fail(failure)
