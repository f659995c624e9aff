"""What `tidelake tail` does: events as they arrive, for eyes or for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from rich.console import Console

from tidelake.client.consumed_events import read_events
from tidelake.client.consumer import Consumer, Lag
from tidelake.client.fast_transport import FastTransport
from tidelake.client.transport import Position, ReceivedRecord
from tidelake.contract.events import Event
from tidelake.local.target import Target

_SHOWN_ELSEWHERE = frozenset(
    ("event_id", "event_time", "ingest_time", "source", "event_type", "schema_version")
)
_STATUS_SECONDS = 1.0


@dataclass(frozen=True)
class Wanted:
    """Which events are shown: of one source, and with fields of these values."""

    source: str | None = None
    conditions: Sequence[tuple[str, str]] = ()
    """Field and value; numbers and booleans as JSON writes them."""

    def matches(self, event: Event) -> bool:
        if self.source is not None and event.get("source") != self.source:
            return False
        return all(_text(event.get(field)) == value for field, value in self.conditions)


def tail(
    target: Target,
    *,
    stream: str | None,
    start: Position,
    wanted: Wanted,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print matching events until `limit` are there, or for ever.

    On standard error stands where a record lies that holds no event, and on a terminal, in a line
    of its own, how far behind the tail is.
    """
    transport = FastTransport(target.client("kinesis"))
    consumer = Consumer(transport, target.stream_name(stream), start=start)
    errors = Console(stderr=True)

    def tell(unreadable: str) -> None:
        errors.print(f"no event: {unreadable}", markup=False, highlight=False, soft_wrap=True)

    events = read_events(consumer.follow(), tell)
    matching = (found for found in events if wanted.matches(found[1]))
    with errors.status("waiting for events") as status:
        shown_at = 0.0
        for count, (record, event) in enumerate(islice(matching, limit), 1):
            sys.stdout.write(json.dumps(event) if as_json else line_of(record, event))
            sys.stdout.write("\n")
            sys.stdout.flush()
            if time.monotonic() - shown_at > _STATUS_SECONDS:
                shown_at = time.monotonic()
                status.update(f"{count:,} events, {lag_text(consumer.lag)}")


def line_of(record: ReceivedRecord, event: Event, *, now: datetime | None = None) -> str:
    """`08:15:02 +0.4s web_log page_view client_address=… …`: arrival in UTC, its age, the event."""
    age = (datetime.now(UTC) if now is None else now) - record.arrived
    details = " ".join(
        f"{name}={_text(value)}"
        for name, value in event.items()
        if name not in _SHOWN_ELSEWHERE and value is not None
    )
    arrived = record.arrived.astimezone(UTC)
    kind = f"{_text(event.get('source')):<11} {_text(event.get('event_type')):<12}"
    line = f"{arrived:%H:%M:%S} {age.total_seconds():+6.1f}s {kind} {details}"
    # What came over the network must not move the terminal's cursor.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def lag_text(lag: Lag) -> str:
    """`0.0 s behind on 2 shards`."""
    shards = "1 shard" if lag.shards == 1 else f"{lag.shards} shards"
    return f"{lag.milliseconds / 1000:.1f} s behind on {shards}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
