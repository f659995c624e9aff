"""Events of the contract, as a producer would send them."""

from __future__ import annotations

REQUEST: dict[str, object] = {
    "event_id": "0f343b0931126a20f133d67c2b018a3b",
    "event_time": "2015-05-17T10:05:03Z",
    "ingest_time": "2026-11-25T08:00:00.125000Z",
    "source": "web_log",
    "event_type": "request",
    "schema_version": 1,
    "client_address": "83.149.9.216",
    "method": "GET",
    "target": "/presentations/logstash-monitorama-2013/",
    "status": 200,
    "response_bytes": 203023,
}
