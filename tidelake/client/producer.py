"""The producer: events in batches onto a data stream, each delivered or set aside, none lost."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.partition_keys import partition_key
from tidelake.client.transport import PutTransport, Record
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

    Before attempt n the producer waits a random time up to
    `min(longest_wait_seconds, first_wait_seconds * 2**n)` ("full jitter", AWS Architecture Blog,
    "Exponential Backoff And Jitter"). After `deadline_seconds` a batch is given up.
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
    record: Record
    source: str
    line: int | None
    raw: bytes | None


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
        if self._batch_bytes + size > MAX_BATCH_BYTES:
            self.flush()
        self.statistics[source].accepted += 1
        self._batch.append(_Pending(record, source, line, raw))
        self._batch_bytes += size
        if len(self._batch) == MAX_BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Send what waits, again and again what failed, until delivered or given up.

        What is not stored by the deadline becomes a dead letter. Once a batch was given up with
        nothing stored, the next ones get a single attempt until one succeeds. A call that the
        stream refuses is cut in halves, so that one unfit record takes no other down.
        Raises DeliveryError, after writing the batch to the dead letters, if trying again cannot
        help (no such stream, no permission).
        """
        if not self._batch:
            return
        give_up_at = self._clock() + (0 if self._unreachable else self._retry.deadline_seconds)
        self._unreachable = True  # until it stores a record
        self._batch_bytes = 0
        size = len(self._batch)
        attempt = 0
        while self._batch:
            try:
                failed, error_code = self._send(size)
            except TransportError as error:
                size = self._halve(size, error)
                continue
            if not failed:
                continue
            wait = self._wait_seconds(attempt)
            if self._clock() + wait > give_up_at:
                self._give_up(len(self._batch), error_code)
                break
            for pending in failed:
                self.statistics[pending.source].retried += 1
            self._sleep(wait)
            attempt += 1

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

    def _send(self, size: int) -> tuple[list[_Pending], str]:
        """Send the batch's first `size` records; what failed stays in front, with its error."""
        chunk, rest = self._batch[:size], self._batch[size:]
        try:
            outcomes = self._transport.put_records(
                self._stream, [pending.record for pending in chunk]
            )
        except TransportError as error:
            if error.retryable:
                return chunk, error.code
            raise
        failed = []
        error_code = ""
        for pending, outcome in zip(chunk, outcomes, strict=True):
            if outcome.error_code is None:
                counts = self.statistics[pending.source]
                counts.delivered += 1
                counts.bytes += len(pending.record.data)
            else:
                error_code = outcome.error_code
                failed.append(pending)
        self._batch = failed + rest
        if len(failed) < len(chunk):
            self._unreachable = False
        return failed, error_code

    def _halve(self, size: int, error: TransportError) -> int:
        """How many records to send next, now that a call of `size` records was not taken."""
        if error.code not in _REFUSALS:
            count = len(self._batch)
            self._give_up(count, error.code)
            raise DeliveryError(f"{error}; {count} events went to the dead letters") from error
        if size > 1:
            return size // 2
        self._give_up(1, error.code)
        return len(self._batch)

    def _wait_seconds(self, attempt: int) -> float:
        ceiling = min(
            self._retry.longest_wait_seconds, self._retry.first_wait_seconds * 2 ** min(attempt, 32)
        )
        return self._jitter.uniform(0, ceiling)

    def _give_up(self, count: int, error_code: str) -> None:
        """Move the batch's first `count` records to the dead letters."""
        reason = f"delivery: must succeed before the producer gives up, last error {error_code}"
        for _ in range(count):
            pending = self._batch[0]
            raw = pending.record.data if pending.raw is None else pending.raw
            self._set_aside(pending.source, pending.line, reason, raw)
            del self._batch[0]

    def _refuse(self, source: str, line: int | None, reason: str, raw: bytes) -> None:
        self.statistics[source].accepted += 1
        self._set_aside(source, line, reason, raw)

    def _set_aside(self, source: str, line: int | None, reason: str, raw: bytes) -> None:
        self._dead_letters.put(source=source, line=line, reason=reason, raw=raw)
        self.statistics[source].dead_lettered += 1


def _size(record: Record) -> int:
    key = record.partition_key
    return len(record.data) + (len(key) if key.isascii() else len(key.encode()))
