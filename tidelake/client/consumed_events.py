"""Events out of the records that a consumer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from tidelake.client.checkpoints import Checkpoint
from tidelake.client.consumer import Consumer
from tidelake.client.transport import ReceivedRecord
from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event


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
        event = orjson.loads(record.data)
    except orjson.JSONDecodeError:
        raise InvalidEventError("record: must be JSON") from None
    if not isinstance(event, dict) or not isinstance(event.get("event_id"), str):
        raise InvalidEventError("record: must be an object with an event_id")
    return event


def read_events(
    records: Iterator[ReceivedRecord], on_unreadable: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[ReceivedRecord, Event]]:
    """Each record that holds an event, with it; of the others `on_unreadable` is told why and
    where they lie."""
    for record in records:
        try:
            event = read_event(record)
        except InvalidEventError as error:
            on_unreadable(located(error, record))
            continue
        yield record, event


def located(reason: object, record: ReceivedRecord) -> str:
    """The reason, and where on the stream the record lies."""
    number = Checkpoint.of(record).to_text()
    return f"{reason} (shard {record.shard_id}, sequence number {number})"
