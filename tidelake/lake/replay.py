"""Putting records that were set aside back on the data stream, each once.

An event keeps its `event_id`, so that a replay that was cut short and is run again adds nothing to
the tables. A record is marked as replayed once the data stream has it.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.producer import Producer
from tidelake.client.transport import PutTransport
from tidelake.contract.errors import ConfigurationError, DeliveryError, InvalidEventError
from tidelake.contract.events import Event
from tidelake.contract.schema import SOURCES
from tidelake.lake.set_aside import Markers, SetAside
from tidelake.sources.validate import validator_for

CHUNK = 10_000
"""Records that are sent before they are marked."""

Repair = Callable[[bytes], Event | None]
"""From the bytes of a record that was set aside to an event, or None to leave it there."""

Send = Callable[[Iterable[Event]], None]
"""Puts events on the data stream; raises DeliveryError unless it has all of them."""


@dataclass(kw_only=True)
class ReplayReport:
    """Records found = replayed + already replayed + left; `left` counts them by the reason."""

    found: int = 0
    replayed: int = 0
    already: int = 0
    left: Counter[str] = field(default_factory=Counter)


def replay(
    records: Iterable[SetAside],
    markers: Markers,
    send: Send,
    *,
    repair: Repair | None = None,
    dry_run: bool = False,
) -> ReplayReport:
    """Put every record that is, or is repaired to, a valid event back, unless it was before.

    With `dry_run` nothing is sent or marked, and the report says what would be. Raises
    DeliveryError when the data stream does not take all of a chunk; none of it is then marked.
    """
    report = ReplayReport()
    ready = _ready(records, markers, repair, report)
    while chunk := list(islice(ready, CHUNK)):
        if not dry_run:
            send(event for _, event in chunk)
            places: dict[str, list[int]] = defaultdict(list)
            for record, _ in chunk:
                places[record.uri].append(record.place)
            for uri, found in places.items():
                markers.add(uri, found)
        report.replayed += len(chunk)
    return report


def _ready(
    records: Iterable[SetAside], markers: Markers, repair: Repair | None, report: ReplayReport
) -> Iterator[tuple[SetAside, Event]]:
    """The records to send, each with its event; the others are counted."""
    replayed: dict[str, frozenset[int]] = {}
    for record in records:
        report.found += 1
        if record.uri not in replayed:
            replayed[record.uri] = markers.replayed(record.uri)
        if record.place in replayed[record.uri]:
            report.already += 1
            continue
        try:
            event = _event(record, repair)
        except InvalidEventError as error:
            report.left[str(error)] += 1
        else:
            yield record, event


def _event(record: SetAside, repair: Repair | None) -> Event:
    """The valid event that a record is, or becomes. Raises InvalidEventError with the reason."""
    if record.raw is None:
        raise InvalidEventError("record: is not in its object")
    event = _parsed(record.raw) if repair is None else _repaired(record.raw, repair)
    source = SOURCES.get(str(event.get("source")))
    if source is None:
        raise InvalidEventError(f"source: must be one of {', '.join(SOURCES)}")
    validator_for(source).check(event)
    return event


def _parsed(raw: bytes) -> Event:
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidEventError("record: must be JSON") from None
    if not isinstance(event, dict):
        raise InvalidEventError("record: must be a JSON object")
    return event


def _repaired(raw: bytes, repair: Repair) -> Event:
    """Whatever a repair raises leaves its record where it is."""
    try:
        event = repair(raw)
    except Exception as error:
        raise InvalidEventError(f"repair: raised {type(error).__name__}") from error
    if event is None:
        raise InvalidEventError("repair: left it")
    if not isinstance(event, dict):
        raise InvalidEventError(f"repair: returned {type(event).__name__}, not a dict or None")
    kept = event_id(raw)
    if kept is not None and event.get("event_id") != kept:
        raise InvalidEventError("repair: must keep the event_id")
    return event


def event_id(raw: bytes) -> str | None:
    """The id of the event in a record's bytes, if they hold one."""
    try:
        found = _parsed(raw).get("event_id")
    except InvalidEventError:
        return None
    return found if isinstance(found, str) else None


def load_repair(name: str) -> Repair:
    """The function `MODULE:FUNCTION`, with modules of the working folder too.

    Raises ConfigurationError when there is no such function.
    """
    module_name, _, function = name.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        repair = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            "--repair", name, f"MODULE:FUNCTION that can be imported ({error})"
        ) from error
    if not callable(repair):
        raise ConfigurationError("--repair", name, "the name of a function")
    loaded: Repair = repair
    return loaded


def sender(transport: PutTransport, stream: str) -> Send:
    """Sends through a producer of its own each time, so that all is on the stream at the end."""

    def send(events: Iterable[Event]) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="tidelake-replay-") as folder,
            # What is not delivered stays where it was set aside; this copy of it can go.
            DeadLetterFile(Path(folder) / "undelivered.jsonl") as undelivered,
        ):
            with Producer(transport, stream, undelivered) as producer:
                for event in events:
                    producer.put(event)
            lost = producer.report().dead_lettered
        if lost:
            raise DeliveryError(
                f"{lost:,} records could not be put on data stream {stream!r}; run the replay again"
            )

    return send
