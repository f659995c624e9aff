"""What kinds of events a record holds."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from tidelake.contract.deaggregation import deaggregate
from tidelake.contract.schema import OTHER, SOURCES


class Kind(NamedTuple):
    """What events are counted by: declared sources and types, or OTHER."""

    source: str
    event_type: str


class UnreadableRecordError(Exception):
    """A record that holds something else than events; its text names the rule, never the data."""


def kinds_in(data: str) -> list[Kind]:
    """The kind of each event of a record, whose data is base64, as Lambda hands it over.

    Raises UnreadableRecordError if any of it is no JSON object with an `event_id`: the record as a
    whole is what Lambda can set aside.
    """
    record = base64.b64decode(data)
    packed = deaggregate(record)
    blobs = [record] if packed is None else [blob for blob, _key in packed]
    return [_kind(blob) for blob in blobs]


def _kind(blob: bytes) -> Kind:
    try:
        event = json.loads(blob)
    except (ValueError, RecursionError):
        raise UnreadableRecordError("record: must be JSON") from None
    if not isinstance(event, dict) or not isinstance(event.get("event_id"), str):
        raise UnreadableRecordError("record: must be an object with an event_id")
    source, event_type = event.get("source"), event.get("event_type")
    if not isinstance(source, str) or source not in SOURCES:
        return Kind(OTHER, OTHER)
    known = [name for name in SOURCES[source].event_types if name == event_type]
    return Kind(source, known[0] if known else OTHER)
