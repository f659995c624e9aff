"""Handling records one by one, so that a poison record neither stops nor loops the consumer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tidelake.client.consumed_events import located, read_event
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.transport import ReceivedRecord
from tidelake.contract.errors import DeliveryError, InvalidEventError
from tidelake.contract.events import Event

UNKNOWN_SOURCE = "unknown"


@dataclass
class Processed:
    """What became of the records: handled + dead is all of them."""

    handled: int = 0
    dead: int = 0


def process(
    records: Iterable[ReceivedRecord],
    handle: Callable[[Event], None],
    dead_letters: DeadLetterFile,
    *,
    attempts: int = 3,
    pause_seconds: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
    tally: Processed | None = None,
) -> Processed:
    """Hand each record's event to `handle`; what it cannot take becomes a dead letter.

    A handler that raises is called again, `attempts` times in all, after pauses that double. Then,
    and at once for a record that holds no event, the record is written to the dead letters, with
    its reason and its place, and fsynced, before the next record is asked for: no checkpoint passes
    a record that was neither handled nor set aside. A BrokenPipeError and a DeliveryError
    are raised: they are faults of what the handler writes to, and no record would pass.
    """
    done = Processed() if tally is None else tally
    for record in records:
        try:
            event = read_event(record)
        except InvalidEventError as error:
            dead_letters.put(
                source=UNKNOWN_SOURCE, line=None, reason=located(error, record), raw=record.data
            )
            dead_letters.sync()
            done.dead += 1
            continue
        failure = _handled(handle, event, attempts, pause_seconds, sleep)
        if failure is None:
            done.handled += 1
            continue
        reason = f"handler: failed {attempts} times, at last with {failure}"
        dead_letters.put_event(
            source=str(event.get("source", UNKNOWN_SOURCE)),
            line=None,
            reason=located(reason, record),
            event=record.data,
        )
        dead_letters.sync()
        done.dead += 1
    return done


def _handled(
    handle: Callable[[Event], None],
    event: Event,
    attempts: int,
    pause_seconds: float,
    sleep: Callable[[float], None],
) -> str | None:
    """None, or the name of the last error: its text may quote what is in the event."""
    failure = ""
    for attempt in range(attempts):
        if attempt:
            sleep(pause_seconds * 2 ** (attempt - 1))
        try:
            handle(event)
        except (BrokenPipeError, DeliveryError):
            raise
        except Exception as error:
            failure = type(error).__name__
        else:
            return None
    return failure
