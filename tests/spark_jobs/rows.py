"""Literal raw rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

RAW_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_time", pa.timestamp("us")),
        ("ingest_time", pa.timestamp("us")),
        ("source", pa.string()),
        ("event_type", pa.string()),
        ("schema_version", pa.int32()),
        ("virtual_host", pa.string()),
        ("client_address", pa.string()),
        ("remote_user", pa.string()),
        ("method", pa.string()),
        ("target", pa.string()),
        ("protocol", pa.string()),
        ("status", pa.int32()),
        ("response_bytes", pa.int64()),
        ("referrer", pa.string()),
        ("user_agent", pa.string()),
    ]
)


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
