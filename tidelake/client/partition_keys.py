"""Which partition key an event gets: the same one in every process and on every machine."""

from __future__ import annotations

import hashlib

from tidelake.contract.events import Event
from tidelake.contract.schema import WEB_LOG

MAX_KEY_CHARACTERS = 256
"""Kinesis API reference, PutRecordsRequestEntry."""

_KEY_FIELDS = {WEB_LOG.name: "client_address"}


def partition_key(event: Event, data: bytes) -> str:
    """A key of 1 to 256 characters: the value of the source's key field, or else the event's id.

    Events of one client share a shard, and so keep their order; without either field a digest
    of `data`, the event as it is sent, spreads events evenly. A longer value is digested too.
    """
    field = _KEY_FIELDS.get(str(event.get("source")), "event_id")
    for value in (event.get(field), event.get("event_id")):
        if isinstance(value, str) and value:
            return value if len(value) <= MAX_KEY_CHARACTERS else _digest(value.encode())
    return _digest(data)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
