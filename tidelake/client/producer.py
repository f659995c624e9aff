"""The producer: events in batches onto a data stream, each delivered or set aside, none lost."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.partition_keys import partition_key
from tidelake.client.transport import Outcome, PutTransport, Record
from tidelake.contract.errors import DeliveryError, TransportError
from tidelake.contract.events import Event

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 10 * 1024 * 1024
"""Limits of one PutRecords call, keys included (Kinesis API reference, PutRecords)."""

MAX_RECORD_BYTES = 1000 * 1024
"""Largest event as JSON. A stream takes 1 MiB with the key by default, but Firehose, which reads
it, only 1,000 KiB (Firehose quotas)."""

_REFUSALS = frozenset(("InvalidArgumentException", "ValidationException"))
"""Errors of a call whose records, or their sum, the stream does not take."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long and how often failed records are sent again.

    After its n-th failure a record waits a random time up to
    `min(longest_wait_seconds, first_wait_seconds * 2**(n - 1))` ("full jitter", AWS Architecture
    Blog, "Exponential Backoff And Jitter"), times the share of its call that failed: a stream
    that takes most records is hardly throttled. `deadline_seconds` after its first attempt a
    record is given up.
    """

    deadline_seconds: float = 60.0
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0


@dataclass(slots=True)
class SourceStatistics:
    """Counts of one source: accepted = delivered + dead_lettered + what waits in the batch.

    `retried` counts every sending of a record after its first; `bytes` those delivered, as JSON.
    """

    accepted: int = 0
    delivered: int = 0
    retried: int = 0
    dead_lettered: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of every event that a producer accepted."""

    delivered: int
    dead_lettered: int


class _Pending(NamedTuple):
    """A record that waits in the batch; `attempts` of it have failed, the first at `since`."""

    record: Record
    size: int
    source: str
    line: int | None
    raw: bytes | None
    attempts: int = 0
    since: float = 0.0


class Producer:
    """Sends events of any source to one data stream. For one thread; use it as a context manager.

    An event that `put` took is delivered at least once or written to the dead letters. A reply
    that was lost makes duplicates, which share an `event_id`. PutRecords keeps no order.
    """

    def __init__(
        self,
        transport: PutTransport,
        stream: str,
        dead_letters: DeadLetterFile,
        *,
        retry: RetryPolicy = RetryPolicy(),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: random.Random | None = None,
    ) -> None:
        self._transport = transport
        self._stream = stream
        self._dead_letters = dead_letters
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self._jitter = random.Random() if jitter is None else jitter  # noqa: S311 - no secret
        self._batch: list[_Pending] = []
        self._batch_bytes = 0
        self._call_records = MAX_BATCH_RECORDS
        self._not_before = 0.0
        self._unreachable = False
        self.statistics: defaultdict[str, SourceStatistics] = defaultdict(SourceStatistics)
        """Counts by source."""

    def put(self, event: Event, *, line: int | None = None, raw: bytes | None = None) -> None:
        """Take one valid event; sends a batch whenever one is full.

        `line` and `raw` say where the event came from, should it become a dead letter; without
        `raw` that holds the event itself. An event that is no JSON, or larger than
        MAX_RECORD_BYTES, becomes one at once. Raises DeliveryError as `flush` does.
        """
        source = str(event.get("source"))
        try:
            data = _encode(event).encode()
        except (TypeError, ValueError, RecursionError):
            own = repr(event).encode(errors="backslashreplace") if raw is None else raw
            self._refuse(source, line, "event: must hold values of JSON alone", own)
            return
        if len(data) > MAX_RECORD_BYTES:
            rule = f"event: must have at most {MAX_RECORD_BYTES} bytes as JSON"
            self._refuse(source, line, rule, data if raw is None else raw)
            return
        record = Record(data, partition_key(event, data))
        size = _size(record)
        while self._batch_bytes + size > MAX_BATCH_BYTES:
            self._send()
        self.statistics[source].accepted += 1
        self._batch.append(_Pending(record, size, source, line, raw))
        self._batch_bytes += size
        while len(self._batch) >= MAX_BATCH_RECORDS:
            self._send()

    def flush(self) -> None:
        """Send what waits, again and again what failed, until delivered or given up.

        A record that is not stored by its deadline becomes a dead letter; once that happened with
        nothing stored at all, records get a single attempt until one succeeds. A call that the
        stream refuses is cut in halves, so that one unfit record takes no other down.
        Raises DeliveryError, after writing the batch to the dead letters, if trying again cannot
        help (no such stream, no permission).
        """
        while self._batch:
            self._send()

    def close(self) -> DeliveryReport:
        """Flush, and say how many events were delivered and how many set aside."""
        self.flush()
        return self.report()

    def report(self) -> DeliveryReport:
        """What became of the events so far, those that wait in the batch left out."""
        counts = self.statistics.values()
        return DeliveryReport(
            delivered=sum(count.delivered for count in counts),
            dead_lettered=sum(count.dead_lettered for count in counts),
        )

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self) -> None:
        """Make one call; what it does not store and may be tried again stays, in front."""
        self._sleep_until(self._not_before)
        chunk = self._batch[: self._call_records]
        for pending in chunk:
            if pending.attempts:
                self.statistics[pending.source].retried += 1
        started = self._clock()
        try:
            outcomes = self._transport.put_records(
                self._stream, [pending.record for pending in chunk]
            )
        except TransportError as error:
            if not error.retryable:
                self._halve(error)
                return
            outcomes = [Outcome(error.code, "", "")] * len(chunk)
        self._call_records = min(MAX_BATCH_RECORDS, 2 * self._call_records)
        failed = self._count_stored(chunk, outcomes)
        stored = len(chunk) - len(failed)
        if stored:
            self._unreachable = False
        kept = self._give_up_late(failed, started, share=len(failed) / len(chunk))
        if not stored and len(kept) < len(failed):
            self._unreachable = True
        self._keep(kept + self._batch[len(chunk) :])

    def _count_stored(
        self, chunk: list[_Pending], outcomes: Sequence[Outcome]
    ) -> list[tuple[_Pending, str]]:
        """Count what was stored; return what was not, each with its error code."""
        failed = []
        for pending, outcome in zip(chunk, outcomes, strict=True):
            if outcome.error_code is None:
                counts = self.statistics[pending.source]
                counts.delivered += 1
                counts.bytes += len(pending.record.data)
            else:
                failed.append((pending, outcome.error_code))
        return failed

    def _give_up_late(
        self, failed: list[tuple[_Pending, str]], started: float, share: float
    ) -> list[_Pending]:
        """Set aside what the next attempt would bring past its deadline; return the others."""
        failures = 1 + max((pending.attempts for pending, _ in failed), default=0)
        due = self._clock() + self._wait_seconds(failures) * share
        patience = 0 if self._unreachable else self._retry.deadline_seconds
        kept = []
        for pending, error_code in failed:
            since = pending.since if pending.attempts else started
            if due - since > patience:
                self._set_aside_undelivered(pending, error_code)
            else:
                kept.append(pending._replace(attempts=pending.attempts + 1, since=since))
        if kept:
            self._not_before = due
        return kept

    def _halve(self, error: TransportError) -> None:
        """Send less at once after a refused call; a record refused alone is set aside."""
        if error.code not in _REFUSALS:
            count = len(self._batch)
            for pending in self._batch:
                self._set_aside_undelivered(pending, error.code)
            self._keep([])
            raise DeliveryError(f"{error}; {count} events went to the dead letters") from error
        refused = min(self._call_records, len(self._batch))
        if refused == 1:
            self._set_aside_undelivered(self._batch[0], error.code)
            self._keep(self._batch[1:])
        self._call_records = max(1, refused // 2)

    def _keep(self, batch: list[_Pending]) -> None:
        self._batch = batch
        self._batch_bytes = sum(pending.size for pending in batch)

    def _wait_seconds(self, failures: int) -> float:
        ceiling = self._retry.first_wait_seconds * 2 ** min(failures - 1, 32)
        return self._jitter.uniform(0, min(self._retry.longest_wait_seconds, ceiling))

    def _sleep_until(self, due: float) -> None:
        wait = due - self._clock()
        if wait > 0:
            self._sleep(wait)

    def _set_aside_undelivered(self, pending: _Pending, error_code: str) -> None:
        reason = f"delivery: must succeed before the producer gives up, last error {error_code}"
        raw = pending.record.data if pending.raw is None else pending.raw
        self._set_aside(pending.source, pending.line, reason, raw)

    def _refuse(self, source: str, line: int | None, reason: str, raw: bytes) -> None:
        self.statistics[source].accepted += 1
        self._set_aside(source, line, reason, raw)

    def _set_aside(self, source: str, line: int | None, reason: str, raw: bytes) -> None:
        self._dead_letters.put(source=source, line=line, reason=reason, raw=raw)
        self.statistics[source].dead_lettered += 1


def _size(record: Record) -> int:
    key = record.partition_key
    return len(record.data) + (len(key) if key.isascii() else len(key.encode()))
