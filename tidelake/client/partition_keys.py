"""Which partition key an event gets: the same one in every process and on every machine."""

from __future__ import annotations

import hashlib

from tidelake.contract.events import Event
from tidelake.contract.schema import APP_EVENT, CHANGE_DATA, SENSOR, WEB_LOG

MAX_KEY_CHARACTERS = 256
"""Kinesis API reference, PutRecordsRequestEntry."""

KEY_FIELDS = {
    WEB_LOG.name: ("client_address",),
    SENSOR.name: ("device_id",),
    CHANGE_DATA.name: ("database_name", "schema_name", "table_name", "row_key"),
    APP_EVENT.name: ("user_id",),
}
"""Whose events share a shard, and so can keep their order: a client's, a device's, a row's, a
user's. Of a row's fields those that it has."""

_WITHOUT_SOURCE = ("event_id",)


def partition_key(event: Event, data: bytes) -> str:
    """A key of 1 to 256 characters: the source's key fields, or else the event's id.

    Without either a digest of `data`, the event as it is sent, spreads events evenly. A longer
    value is digested too.
    """
    source = event.get("source")
    fields = KEY_FIELDS.get(source, _WITHOUT_SOURCE) if isinstance(source, str) else _WITHOUT_SOURCE
    if len(fields) == 1:
        key = event.get(fields[0])
    else:
        key = "/".join([value for name in fields if isinstance(value := event.get(name), str)])
    if isinstance(key, str) and 0 < len(key) <= MAX_KEY_CHARACTERS:
        return key
    for value in (key, event.get("event_id")):
        if isinstance(value, str) and value:
            return value if len(value) <= MAX_KEY_CHARACTERS else _digest(value.encode())
    return _digest(data)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
