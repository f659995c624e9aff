"""The aggregates once more, from the raw Parquet alone, by another engine than Spark.

The rules of the field table that the simulation breaks are written out here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

EVENTS = """
    CREATE VIEW events AS
    FROM read_parquet($1, union_by_name = true)
    WHERE coalesce(status BETWEEN 100 AND 599, true)
      AND coalesce(quality IN ('good', 'suspect'), true)
      AND coalesce(operation IN ('INSERT', 'UPDATE', 'DELETE'), true)
      AND coalesce(quantity >= 1, true)
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY ingest_time) = 1
"""

HOURLY = """
    SELECT date_trunc('hour', event_time) AS hour, source, event_type,
        coalesce(CAST(status AS VARCHAR), quality, operation) AS status,
        count(*) AS events,
        count(DISTINCT coalesce(client_address, device_id, row_key, user_id)) AS actors,
        sum(coalesce(response_bytes, value, amount_minor)) AS total,
        quantile_disc(coalesce(response_bytes, value, amount_minor), 0.5) AS p50,
        quantile_disc(coalesce(response_bytes, value, amount_minor), 0.95) AS p95
    FROM events GROUP BY ALL ORDER BY ALL
"""
EXACT = 5
"""Columns of HOURLY that are no estimates."""

PATHS = """
    SELECT CAST(event_time AS DATE) AS day, source, coalesce(target, page) AS path,
        count(*) AS events
    FROM events WHERE path IS NOT NULL GROUP BY ALL ORDER BY ALL
"""

DEVICES = """
    SELECT CAST(event_time AS DATE) AS day, device_id, sensor_type, unit,
        count(*) AS readings, count_if(quality = 'suspect') AS suspect,
        round(avg(value) FILTER (quality = 'good'), 6) AS mean
    FROM events WHERE source = 'sensor' GROUP BY ALL ORDER BY ALL
"""

SESSIONS = """
    WITH gaps AS (
        SELECT source, coalesce(client_address, user_id) AS visitor, event_time,
            lag(event_time) OVER (PARTITION BY source, visitor ORDER BY event_time) AS before
        FROM events WHERE source IN ('web_log', 'app_event')
    )
    SELECT source, count_if(coalesce(event_time - before > INTERVAL 30 MINUTE, true)) AS sessions,
        count(*) AS events
    FROM gaps GROUP BY ALL ORDER BY ALL
"""

CURRENT_ROWS = """
    WITH latest AS (
        FROM events WHERE source = 'change_data'
        QUALIFY row_number() OVER (
            PARTITION BY database_name, schema_name, table_name, row_key
            ORDER BY source_position DESC, event_id DESC) = 1
    )
    SELECT table_name, row_key, operation = 'DELETE' AS is_deleted FROM latest ORDER BY ALL
"""


def independent(raw: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of one of the queries above over the Parquet files of a folder."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute(EVENTS.replace("$1", f"'{raw}/*.parquet'"))
        return engine.execute(sql).fetchall()
