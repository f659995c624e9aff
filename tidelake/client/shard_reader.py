"""Reading one shard, page after page, whatever happens to its iterators."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from tidelake.client.checkpoints import Checkpoint, Resume
from tidelake.client.transport import LATEST, Page, Position, ReadTransport, ReceivedRecord
from tidelake.contract.deaggregation import MAGIC, deaggregate
from tidelake.contract.errors import TransportError

_LONGEST_WAIT_SECONDS = 5.0


class Pace(NamedTuple):
    """How long to wait between two calls for one shard."""

    busy_seconds: float
    idle_seconds: float
    """At the tip."""


POLLING = Pace(busy_seconds=0.2, idle_seconds=1.0)
"""Five GetRecords calls a second and shard (Kinesis quotas); at the tip fewer, so that other
consumers keep their share of the five."""


@dataclass
class Patience:
    """How long failures are borne: a deadline since the last success, and jittered waits.

    One for all calls of a consumer, so that a stream that answers for one shard counts as alive.
    """

    deadline_seconds: float
    clock: Callable[[], float]
    _jitter: random.Random = field(default_factory=random.Random)
    _last_success: float = 0.0

    def start(self) -> None:
        self._last_success = self.clock()

    def wait_seconds(self, error: TransportError, failures: int) -> float:
        """The wait after so many failures; raises `error` where trying again cannot help."""
        late = self.clock() - self._last_success > self.deadline_seconds
        if not error.retryable or late:
            raise error
        ceiling = min(_LONGEST_WAIT_SECONDS, POLLING.busy_seconds * 2 ** min(failures, 32))
        return self._jitter.uniform(0, ceiling)

    succeeded = start


class ShardReader:
    """Where a consumer stands in one shard, and when the next call for it is due."""

    def __init__(
        self,
        transport: ReadTransport,
        stream: str,
        shard_id: str,
        resume: Resume,
        *,
        pace: Pace,
        patience: Patience,
    ) -> None:
        self.shard_id = shard_id
        self.due = 0.0
        self.finished = False
        """Everything was read, and the shard is closed."""
        self.at_tip = False
        self.millis_behind = 0
        self.handed: ReceivedRecord | None = None
        """The last record that the caller was given."""
        self._transport = transport
        self._stream = stream
        self._position = resume.position
        self._done = resume.checkpoint
        self._pace = pace
        self._patience = patience
        self._iterator: str | None = None
        self._failures = 0

    def read(self) -> Sequence[ReceivedRecord]:
        """The next records, those of aggregated ones apart; none if the call failed.

        A failed call is due again later; raises TransportError when patience is at its end.
        """
        page = self._next_page()
        if page is None:
            return ()
        records = page.records
        if records:
            self._position = Position.after(records[-1].sequence_number)
            records = unpacked(records)
            if self._done is not None:
                records = [r for r in records if not self._done.covers(r)]
                self._done = None
        self._iterator = page.next_iterator
        self.finished = page.next_iterator is None
        self.millis_behind = page.millis_behind
        self.at_tip = page.millis_behind == 0 and not self.finished
        idle = self.at_tip and not records
        wait = self._pace.idle_seconds if idle else self._pace.busy_seconds
        self.due = self._patience.clock() + wait
        return records

    def read_again_after(self, record: ReceivedRecord) -> None:
        """Go back within the page that was read last: its caller stopped there."""
        self._done = Checkpoint.of(record)
        self._position = self._done.position
        self._iterator = None
        self.finished = self.at_tip = False

    def _next_page(self) -> Page | None:
        try:
            if self._iterator is None:
                self._iterator = self._new_iterator()
            page = self._transport.get_records(self._stream, self.shard_id, self._iterator)
        except TransportError as error:
            wait = self._pace.busy_seconds
            if error.code == "ExpiredIteratorException":
                self._iterator = None
            else:
                self._failures += 1
                failure = self._judged(error)
                wait = max(wait, self._patience.wait_seconds(failure, self._failures))
            self.due = self._patience.clock() + wait
            return None
        self._failures = 0
        self._patience.succeeded()
        return page

    def _judged(self, error: TransportError) -> TransportError:
        """The error, worth another try where Kinesis's clock may only have to catch up with ours.

        It refuses a time after its own now ("The timestampInMillis parameter cannot be greater than
        the currentTimestampInMillis", awslabs/amazon-kinesis-connector-flink issue 13).
        """
        if self._position.timestamp is None or error.code != "InvalidArgumentException":
            return error
        return TransportError(error.operation, error.stream, error.code, retryable=True)

    def _new_iterator(self) -> str:
        asked = datetime.now(UTC)
        iterator = self._transport.shard_iterator(self._stream, self.shard_id, self._position)
        if self._position is LATEST:
            # Should this iterator expire unused, what arrived since must not be skipped.
            self._position = Position.at(asked)
        return iterator


def unpacked(records: Sequence[ReceivedRecord]) -> Sequence[ReceivedRecord]:
    """The records, with aggregated ones replaced by those that were packed into them."""
    if not any(record.data.startswith(MAGIC) for record in records):
        return records
    return [single for record in records for single in _singles(record)]


def _singles(record: ReceivedRecord) -> Iterator[ReceivedRecord]:
    packed = deaggregate(record.data)
    if packed is None:
        yield record
        return
    _, _, number, shard_id, arrived, _ = record
    for place, (data, key) in enumerate(packed):
        yield ReceivedRecord(data, key, number, shard_id, arrived, place)
