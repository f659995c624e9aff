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
    row |= changes
    for name in ("event_time", "ingest_time"):
        if isinstance(row[name], str):
            row[name] = utc(str(row[name]))
    return row
