"""Buffering hints: records wait until enough of them are there, or the oldest has waited enough."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_log = logging.getLogger("tidelake.firehose")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it arrived, at `arrived` seconds since the epoch."""

    id: str
    data: bytes
    arrived: float


@dataclass(frozen=True)
class BufferingHints:
    """A buffer is delivered at `size_mib` MiB, or `interval_seconds` after its first record."""

    size_mib: int
    interval_seconds: int


class DeliveryBuffer:
    """One delivery stream's records between arrival and delivery, with a thread that delivers them.

    `hints` is asked anew all the time, so that a change of them takes effect. `deliver` gets the
    records of one delivery in order of arrival, and a function that tells whether the stream is
    gone, so that an attempt is the last; it returns when they are delivered.
    """

    def __init__(
        self,
        name: str,
        hints: Callable[[], BufferingHints],
        deliver: Callable[[Sequence[Record], Callable[[], bool]], None],
    ) -> None:
        self._hints = hints
        self._deliver = deliver
        self._changed = threading.Condition()
        self._records: list[Record] = []
        self._bytes = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"firehose-{name}", daemon=True)
        self._thread.start()

    def add(self, record_id: str, data: bytes) -> None:
        """Take a record; never blocks for long."""
        with self._changed:
            self._records.append(Record(record_id, data, time.time()))
            self._bytes += len(data)
            if len(self._records) == 1 or self._bytes >= self._hints().size_mib * 2**20:
                self._changed.notify()

    def close(self, timeout_seconds: float) -> None:
        """Deliver what is there, at once, and wait for it at most `timeout_seconds`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    def discard(self) -> None:
        """Forget what is there."""
        with self._changed:
            self._records, self._bytes, self._closed = [], 0, True
            self._changed.notify()

    def _is_closed(self) -> bool:
        return self._closed

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_due():
                    self._changed.wait(0.5 if self._records else None)
                if not self._records:
                    return
                batch = self._take()
            try:
                self._deliver(batch, self._is_closed)
            except Exception:
                # Nothing that one delivery meets may end the thread and with it all later ones.
                _log.exception("%d records could not be delivered", len(batch))

    def _is_due(self) -> bool:
        if self._closed:
            return True
        if not self._records:
            return False
        hints = self._hints()
        age = time.time() - self._records[0].arrived
        return self._bytes >= hints.size_mib * 2**20 or age >= hints.interval_seconds

    def _take(self) -> list[Record]:
        """Cut off the oldest records: as many as reach the size hint."""
        limit = self._hints().size_mib * 2**20
        size = count = 0
        while count < len(self._records) and size < limit:
            size += len(self._records[count].data)
            count += 1
        batch = self._records[:count]
        del self._records[:count]
        self._bytes -= size
        return batch
