"""What kinds of events a record holds."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tidelake.contract.deaggregation import deaggregate
from tidelake.contract.schema import SOURCES

MOST_TYPES = 50
"""Types counted apart in one batch: each is a metric that costs, and events may claim any type."""

OTHER = "other"
"""What unknown sources, odd types, and types beyond the most count as."""

_PLAIN_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Kind(NamedTuple):
    """What events are counted by."""

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
    known = isinstance(source, str) and source in SOURCES
    plain = isinstance(event_type, str) and _PLAIN_TYPE.fullmatch(event_type) is not None
    return Kind(str(source) if known else OTHER, str(event_type) if plain else OTHER)


class MostKinds:
    """Counts by kind, of which there are at most MOST_TYPES and one for the others."""

    def __init__(self) -> None:
        self.by_kind: Counter[tuple[str, str]] = Counter()

    def add(self, kinds: Iterable[Kind]) -> None:
        for kind in kinds:
            is_new = kind not in self.by_kind
            full = is_new and len(self.by_kind) >= MOST_TYPES
            self.by_kind[Kind(OTHER, OTHER) if full else kind] += 1

    @property
    def total(self) -> int:
        return self.by_kind.total()
