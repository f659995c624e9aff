"""The consumer: every record of a data stream, parents before children, over all shards."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tidelake.client.transport import (
    LATEST,
    TRIM_HORIZON,
    Page,
    Position,
    ReadTransport,
    ReceivedRecord,
    Shard,
)
from tidelake.contract.errors import InvalidEventError, TransportError
from tidelake.contract.events import Event

CALL_SPACING_SECONDS = 0.2
"""Five GetRecords calls a second and shard (Kinesis quotas)."""

IDLE_SPACING_SECONDS = 1.0
"""Between two calls at the tip, so that other consumers keep their share of the five."""

_LONGEST_WAIT_SECONDS = 5.0


@dataclass(slots=True)
class _ShardReader:
    """Where the consumer stands in one shard."""

    shard: Shard
    position: Position
    iterator: str | None = None
    due: float = 0.0
    failures: int = 0
    finished: bool = False
    at_tip: bool = False


class Consumer:
    """Reads one data stream from one thread, at least once, in order within each shard.

    A closed shard is read to its end before its children, so that the order of a partition key
    outlives splits and merges. An expired iterator resumes after the last record that was read.
    Failed calls are repeated with full jitter; after `deadline_seconds` of nothing but failures
    TransportError is raised. Calling a method again goes on where the last one stopped.
    """

    def __init__(
        self,
        transport: ReadTransport,
        stream: str,
        *,
        start: Position = TRIM_HORIZON,
        deadline_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`start` is TRIM_HORIZON, LATEST or Position.at(timestamp); it holds for every shard."""
        self._transport = transport
        self._stream = stream
        self._start = start
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._sleep = sleep
        self._jitter = random.Random()  # noqa: S311 - no secret
        self._readers: dict[str, _ShardReader] = {}
        self._last_success = 0.0

    def read_to_tip(self) -> Iterator[ReceivedRecord]:
        """Yield records until every shard was read to its newest one, then stop."""
        for reader in self._readers.values():
            reader.at_tip = False
        return self._read(until_tip=True)

    def follow(self) -> Iterator[ReceivedRecord]:
        """Yield records as they arrive, for ever; stops only if the stream has no open shard."""
        return self._read(until_tip=False)

    def _read(self, *, until_tip: bool) -> Iterator[ReceivedRecord]:
        self._last_success = self._clock()
        if not self._readers:
            self._discover(self._start)
        while ready := self._ready(until_tip=until_tip):
            reader = min(ready, key=lambda candidate: candidate.due)
            self._sleep_until(reader.due)
            page = self._next_page(reader)
            if page is None:
                continue
            # A caller that stops within the page goes on after the last record that it saw.
            reader.iterator = None
            for record in page.records:
                reader.position = Position.after(record.sequence_number)
                yield record
            self._advance(reader, page)

    def _ready(self, *, until_tip: bool) -> list[_ShardReader]:
        return [
            reader
            for reader in self._readers.values()
            if not reader.finished
            and not (until_tip and reader.at_tip)
            and all(self._is_read(parent) for parent in reader.shard.parents)
        ]

    def _is_read(self, shard_id: str) -> bool:
        """A parent that the stream no longer lists has expired: nothing of it is left to read."""
        reader = self._readers.get(shard_id)
        return reader is None or reader.finished

    def _discover(self, position: Position) -> None:
        """Take up every shard that is not known yet, from `position`.

        LATEST means the open shards as they are now: the records of closed ones are older, and
        children that appear later begin at their first record.
        """
        for shard in self._listed():
            if shard.shard_id not in self._readers:
                passed_over = position is LATEST and shard.closed
                self._readers[shard.shard_id] = _ShardReader(shard, position, finished=passed_over)

    def _listed(self) -> list[Shard]:
        failures = 0
        while True:
            try:
                shards = list(self._transport.list_shards(self._stream))
            except TransportError as error:
                failures += 1
                self._sleep(self._wait_seconds(error, failures))
            else:
                self._last_success = self._clock()
                return shards

    def _next_page(self, reader: _ShardReader) -> Page | None:
        """The next page, or None if the call failed and is due again later."""
        shard_id = reader.shard.shard_id
        try:
            if reader.iterator is None:
                reader.iterator = self._iterator(reader)
            page = self._transport.get_records(self._stream, shard_id, reader.iterator)
        except TransportError as error:
            if error.code == "ExpiredIteratorException":
                reader.iterator = None
                reader.due = self._clock() + CALL_SPACING_SECONDS
            else:
                reader.failures += 1
                wait = self._wait_seconds(error, reader.failures)
                reader.due = self._clock() + max(wait, CALL_SPACING_SECONDS)
            return None
        reader.failures = 0
        self._last_success = self._clock()
        return page

    def _iterator(self, reader: _ShardReader) -> str:
        asked = datetime.now(UTC)
        iterator = self._transport.shard_iterator(
            self._stream, reader.shard.shard_id, reader.position
        )
        if reader.position is LATEST:
            # Should this iterator expire unused, what arrived since must not be skipped.
            reader.position = Position.at(asked)
        return iterator

    def _advance(self, reader: _ShardReader, page: Page) -> None:
        reader.iterator = page.next_iterator
        if page.next_iterator is None:
            reader.finished = True
            self._discover(TRIM_HORIZON)
            return
        # A closed shard is at its tip only at its end: its children come after that.
        reader.at_tip = page.millis_behind == 0 and not reader.shard.closed
        idle = reader.at_tip and not page.records
        reader.due = self._clock() + (IDLE_SPACING_SECONDS if idle else CALL_SPACING_SECONDS)

    def _wait_seconds(self, error: TransportError, failures: int) -> float:
        """How long to wait after a failure; raises `error` if trying again cannot help."""
        if not error.retryable or self._clock() - self._last_success > self._deadline_seconds:
            raise error
        ceiling = min(_LONGEST_WAIT_SECONDS, CALL_SPACING_SECONDS * 2 ** min(failures, 32))
        return self._jitter.uniform(0, ceiling)

    def _sleep_until(self, due: float) -> None:
        wait = due - self._clock()
        if wait > 0:
            self._sleep(wait)


@dataclass(frozen=True, slots=True)
class StreamTally:
    """What lies on a data stream. `events` counts each `event_id` once: records may repeat."""

    records: int
    events: int
    unreadable: int


def tally(consumer: Consumer) -> StreamTally:
    """Count what the consumer still has before it up to the tip, from the stream itself.

    Holds every distinct `event_id` in memory, about 100 bytes each. `unreadable` counts records
    that hold no event.
    """
    records = unreadable = 0
    event_ids = set()
    for record in consumer.read_to_tip():
        records += 1
        try:
            event_ids.add(read_event(record)["event_id"])
        except InvalidEventError:
            unreadable += 1
    return StreamTally(records, len(event_ids), unreadable)


def read_event(record: ReceivedRecord) -> Event:
    """The event of a record; InvalidEventError if it holds no JSON object with an `event_id`."""
    try:
        event = json.loads(record.data)
    except (ValueError, RecursionError):
        raise InvalidEventError("record: must be JSON") from None
    if not isinstance(event, dict) or not isinstance(event.get("event_id"), str):
        raise InvalidEventError("record: must be an object with an event_id")
    return event


def tail(consumer: Consumer, *, source: str | None = None) -> Iterator[Event]:
    """Yield events as they arrive on any shard, of one source if it is named, for ever.

    Records that hold no event are passed over.
    """
    for record in consumer.follow():
        try:
            event = read_event(record)
        except InvalidEventError:
            continue
        if source is None or event.get("source") == source:
            yield event
