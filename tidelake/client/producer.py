"""The producer: events in batches onto a data stream, each delivered or set aside, none lost."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from tidelake.client.aggregation import (
    GATHERED_EVENTS,
    AggregatingPacker,
    ShardMap,
)
from tidelake.client.backlog import Backlog, Wait
from tidelake.client.batching import (
    MAX_RECORD_BYTES,
    OrderedQueue,
    PlainPacker,
    UnorderedQueue,
)
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.encoding import encode_event
from tidelake.client.options import DEFAULTS, ProducerOptions
from tidelake.client.partition_keys import partition_key
from tidelake.client.receipts import ReceiptFile
from tidelake.client.records import SOURCE
from tidelake.client.sender import Sender
from tidelake.client.settlement import OnOutcome, Settlement
from tidelake.client.spool import Segment, Spool, SpooledEvent
from tidelake.client.statistics import DeliveryReport, SourceStatistics
from tidelake.client.transport import PutTransport
from tidelake.client.watermark import Mark, OnSettled, Watermark
from tidelake.contract.events import Event


class Producer:
    """Sends events of any source to one data stream, from threads of its own.

    An event that `put` took is delivered at least once, or written to the dead letters, or left in
    the spool for the next run: `close`, or leaving the context, sees to that. A reply that was
    lost makes duplicates, which share an `event_id`. No order is kept, unless `ordered` is asked
    for: then events of one partition key are delivered in the order in which they were put.
    Safe to share between threads.

    `on_outcome(entries, outcome)` is called once for each record that came to its end, with the
    events in it. `on_settled(positions)` is called with positions given to `put`, in the order of
    `put`, each once its event and all before it are safe: delivered, in the dead letters, or in the
    spool. Both are called by the producer's threads, one at a time; they must be quick and must
    not call the producer.
    """

    def __init__(
        self,
        transport: PutTransport,
        stream: str,
        dead_letters: DeadLetterFile,
        options: ProducerOptions = DEFAULTS,
        *,
        on_outcome: OnOutcome | None = None,
        on_settled: OnSettled | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = threading.Condition.wait,
        jitter: random.Random | None = None,
    ) -> None:
        """Start, and send first what an earlier run left in the spool.

        To aggregate, it reads the list of shards before it returns; it does without if it must.
        `clock`, `wait` and `jitter` are those of batches and retries. Raises ConfigurationError if
        the spool or the receipts cannot be opened, DeliveryError as `put` does.
        """
        self.options = options
        self._dead_letters = dead_letters
        self._lock = threading.Lock()
        self._uncommitted: deque[tuple[Mark | None, str]] = deque()
        self._commits = 0
        self._closed = False
        self._failure_was_raised = False
        self._watermark = None if on_settled is None else Watermark(on_settled)
        self._receipts = None if options.receipts is None else ReceiptFile(options.receipts)
        self._spool = (
            None
            if options.spool is None
            else Spool(options.spool, lock=self._lock, on_commit=self._committed)
        )
        memories = (self._watermark, self._receipts, self._spool)
        self._remembers = any(memory is not None for memory in memories)
        self._settlement = Settlement(
            dead_letters, spool=self._spool, watermark=self._watermark, on_outcome=on_outcome
        )
        shard_map = None
        if options.aggregate:
            shard_map = ShardMap(transport, stream)
            shard_map.refresh()
        packer = PlainPacker() if shard_map is None else AggregatingPacker(shard_map)
        batch = options.batch
        queue = OrderedQueue if options.ordered else UnorderedQueue
        self._backlog = Backlog(
            self._lock,
            queue(packer, batch),
            batch,
            self._settlement,
            gathered_events=GATHERED_EVENTS if options.aggregate else batch.max_records,
            put_timeout_seconds=options.put_timeout_seconds,
            clock=clock,
            wait=wait,
        )
        self._sender = Sender(
            transport,
            stream,
            lock=self._lock,
            backlog=self._backlog,
            settlement=self._settlement,
            shard_map=shard_map,
            retry=options.retry,
            clock=clock,
            jitter=random.Random() if jitter is None else jitter,  # noqa: S311 - no secret
        )
        self._threads = [
            threading.Thread(target=self._sender.run, name=f"tidelake-sender-{n}", daemon=True)
            for n in range(options.senders)
        ]
        for thread in self._threads:
            thread.start()
        if self._spool is not None:
            try:
                self._recover(self._spool)
            except BaseException:
                # Nobody else has the producer, to close it.
                self._closed = True
                self._settle_rest()
                raise

    def put(
        self,
        event: Event,
        *,
        line: int | None = None,
        raw: bytes | None = None,
        position: object = None,
        wait: bool = True,
    ) -> None:
        """Take one valid event; blocks while there is no room for it.

        With a spool the event is on the disk on return; with `wait=False` that follows within
        milliseconds, and `on_settled` tells of it. `line` says where the event came from, should it
        become a dead letter. An event that is no JSON, or larger than MAX_RECORD_BYTES, becomes one
        at once, with `raw` (or else the event) in it. Raises ProducerFullError when there is no
        room in time, and DeliveryError when nothing can be delivered or written any more; then the
        event was not taken.
        """
        source = event.get("source")
        if not isinstance(source, str):
            source = str(source)
        try:
            data = encode_event(event)
        except (TypeError, ValueError, RecursionError):
            rule = "event: must hold values of JSON alone"
            self._refuse(source, line, rule, _text(event) if raw is None else raw, position)
            return
        if len(data) > MAX_RECORD_BYTES:
            rule = f"event: must have at most {MAX_RECORD_BYTES} bytes as JSON"
            self._refuse(source, line, rule, data if raw is None else raw, position)
            return
        key = partition_key(event, data)
        mark = segment = None
        with self._lock:
            if len(data) > self._backlog.room:
                self._backlog.make_room(len(data))
            if self._remembers:
                mark, segment = self._remember(SpooledEvent(data, key, source), position, event)
            self._backlog.add((data, key, (source, line, mark, segment)))
        if wait and self._spool is not None:
            self._spool.wait_committed(self._spool.appended)

    def skip(self, position: object) -> None:
        """Note a position of which no event came, so that `on_settled` passes it in its turn."""
        if self._watermark is not None:
            with self._lock:
                self._watermark.add(position).settled = True
                self._watermark.advance()

    def flush(self) -> None:
        """Send what waits, again and again what failed, until all is delivered or given up.

        Raises DeliveryError if trying again cannot help (no such stream, no permission); by then
        everything is in the dead letters, or stays in the spool.
        """
        self._backlog.wait_until_idle()
        self._raise_failure_once()

    def close(self) -> DeliveryReport:
        """Drain, and say how many events were delivered and how many not.

        What is not delivered within `close_seconds` stays in the spool or, without one, goes to the
        dead letters; a call under way by then may still succeed. Raises DeliveryError as `flush`
        does. Closing again does nothing.
        """
        if not self._closed:
            try:
                self._backlog.wait_until_idle(self.options.close_seconds)
            finally:
                # Also when a second signal interrupts the waiting.
                self._closed = True
                self._settle_rest()
        self._raise_failure_once()
        return self.report()

    def report(self) -> DeliveryReport:
        """What became of the events so far, those that wait left out."""
        with self._lock:
            self._backlog.absorb()
            return self._settlement.report

    @property
    def statistics(self) -> dict[str, SourceStatistics]:
        """Counts by source, as they are now."""
        with self._lock:
            self._backlog.absorb()
            return {name: replace(counts) for name, counts in self._settlement.by_source.items()}

    @property
    def blocked_seconds(self) -> float:
        """How long `put` waited for room, in all."""
        return self._backlog.blocked_seconds

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _remember(
        self, spooled: SpooledEvent, position: object, event: Event
    ) -> tuple[Mark | None, Segment | None]:
        """Note an accepted event where options or callbacks ask for it; with the lock held."""
        mark = segment = None
        if self._spool is not None:
            segment = self._spool.append(spooled)
        elif self._receipts is not None:
            self._receipts.add((str(event.get("event_id")),))
        if position is not None and self._watermark is not None:
            mark = self._watermark.add(position)
        if segment is not None:
            self._uncommitted.append((mark, str(event.get("event_id"))))
        return mark, segment

    def _refuse(
        self, source: str, line: int | None, reason: str, raw: bytes, position: object
    ) -> None:
        self._dead_letters.put(source=source, line=line, reason=reason, raw=raw)
        with self._lock:
            counts = self._settlement.by_source[source]
            counts.accepted += 1
            counts.dead_lettered += 1
        if position is not None:
            self.skip(position)

    def _recover(self, spool: Spool) -> None:
        """Take what an earlier run left, as fast as there is room for it."""
        for event, segment in spool.recover():
            with self._lock:
                self._backlog.make_room(len(event.data))
                self._backlog.add((event.data, event.key, (event.source, None, None, segment)))
                self._settlement.by_source[event.source].recovered += 1

    def _committed(self, number: int) -> None:
        """The first `number` events are on the disk: called by the spool, with the lock held."""
        event_ids = []
        while self._commits < number:
            mark, event_id = self._uncommitted.popleft()
            self._commits += 1
            event_ids.append(event_id)
            if mark is not None:
                mark.settled = True
        if self._receipts is not None:
            self._receipts.add(event_ids)
            self._receipts.flush()
        if self._watermark is not None:
            self._watermark.advance()

    def _settle_rest(self) -> None:
        """End the threads, and bring to its end what they did not."""
        with self._lock:
            rest = self._backlog.stop()
            if rest:
                self._settlement.give_up(rest, "Closed")
        try:
            if self._spool is not None:
                self._spool.keep(
                    SpooledEvent(data, key, note[SOURCE])
                    for parcel in self._settlement.kept
                    for data, key, note in parcel.rows()
                )
        finally:
            if self._receipts is not None:
                self._receipts.close()

    def _raise_failure_once(self) -> None:
        failure = self._backlog.failure
        if failure is not None and not self._failure_was_raised:
            self._failure_was_raised = True
            raise failure


def _text(event: Event) -> bytes:
    """An event that is no JSON, for the dead letters."""
    try:
        return repr(event).encode(errors="backslashreplace")
    except RecursionError:
        return b"an event nested too deeply to be shown"
