"""Literal raw rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from tidelake.contract.schema import raw_fields

_ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}
RAW_SCHEMA = pa.schema([(field.name, _ARROW[field.type.value]) for field in raw_fields()])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def request_row(event_id: str, **changes: object) -> dict[str, object]:
    """A raw row that keeps the contract, but for `changes`; times are ISO strings, UTC."""
    row: dict[str, object] = {
        "event_id": event_id,
        "event_time": "2015-05-17T10:05:03",
        "ingest_time": "2026-11-22T10:00:00",
        "source": "web_log",
        "event_type": "request",
        "schema_version": 1,
        "client_address": "203.0.113.9",
        "method": "GET",
        "target": "/index.html",
        "protocol": "HTTP/1.1",
        "status": 200,
        "response_bytes": 100,
    }
    return _with_times(row | changes)


def change_row(
    event_id: str, *, row_key: int, position: int, operation: str = "UPDATE", **changes: object
) -> dict[str, object]:
    """A raw row of change data, of the table `users` in the database `shop`."""
    row: dict[str, object] = {
        "event_id": event_id,
        "event_time": "2015-05-17T10:05:03",
        "ingest_time": "2026-11-22T10:00:00",
        "source": "change_data",
        "event_type": "row_change",
        "schema_version": 1,
        "database_name": "shop",
        "table_name": "users",
        "operation": operation,
        "is_snapshot": False,
        "change_type": "standard_update",
        "row_key": f'{{"id":{row_key}}}',
        "source_position": f"{position:08}",
        "row_after": None if operation == "DELETE" else f'{{"n":{position}}}',
    }
    return _with_times(row | changes)


def view_row(event_id: str, **changes: object) -> dict[str, object]:
    """A raw row of an application event, a page view."""
    row: dict[str, object] = {
        "event_id": event_id,
        "event_time": "2015-05-17T10:05:03",
        "ingest_time": "2026-11-22T10:00:00",
        "source": "app_event",
        "event_type": "page_view",
        "schema_version": 1,
        "user_id": "u1",
        "page": "/home",
    }
    return _with_times(row | changes)


def reading_row(event_id: str, **changes: object) -> dict[str, object]:
    """A raw row of a sensor, a good reading."""
    row: dict[str, object] = {
        "event_id": event_id,
        "event_time": "2015-05-17T10:05:03",
        "ingest_time": "2026-11-22T10:00:00",
        "source": "sensor",
        "event_type": "reading",
        "schema_version": 1,
        "device_id": "d1",
        "sensor_type": "temperature",
        "value": 20.0,
        "unit": "C",
        "quality": "good",
    }
    return _with_times(row | changes)


def _with_times(row: dict[str, object]) -> dict[str, object]:
    for name in ("event_time", "ingest_time"):
        if isinstance(row[name], str):
            row[name] = utc(str(row[name]))
    return row
