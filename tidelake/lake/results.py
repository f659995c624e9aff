"""The aggregates, read without Spark: what came in, and what it says, source by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from tidelake.contract.lake import (
    CURRENT_ROWS_TABLE,
    DEVICES_TABLE,
    HOURLY_TABLE,
    PATHS_TABLE,
    SESSIONS_TABLE,
)
from tidelake.contract.schema import APP_EVENT, WEB_LOG
from tidelake.lake.sql import Part, copied
from tidelake.lake.tables import CuratedTables

TOP_PATHS = 10
TOP_DEVICES = 10

_TABLES = {
    HOURLY_TABLE: "hour TIMESTAMPTZ, source VARCHAR, event_type VARCHAR, status VARCHAR, "
    "events BIGINT, total DOUBLE",
    PATHS_TABLE: "day DATE, source VARCHAR, path VARCHAR, events BIGINT",
    SESSIONS_TABLE: "started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, source VARCHAR, events BIGINT",
    DEVICES_TABLE: "day DATE, device_id VARCHAR, sensor_type VARCHAR, unit VARCHAR, "
    "readings BIGINT, suspect BIGINT, mean DOUBLE",
    CURRENT_ROWS_TABLE: "event_time TIMESTAMPTZ, table_name VARCHAR, is_deleted BOOLEAN",
    APP_EVENT.table: "event_time TIMESTAMPTZ, event_type VARCHAR, currency VARCHAR, "
    "quantity INTEGER, amount_minor BIGINT",
}
"""The columns that are read of each table, in DuckDB's types; the first is its time."""


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Visits of one source: how many, and their events and minutes on average."""

    sessions: int
    events_each: float
    minutes_each: float


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device's readings of one kind; `mean` is of the good ones, None without any."""

    device: str
    measures: str
    unit: str | None
    readings: int
    suspect: int
    mean: float | None


@dataclass(frozen=True, kw_only=True)
class Purchases:
    """Purchases in one currency; the amount is in its minor unit, such as cents."""

    purchases: int
    items: int
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class CurrentRows:
    """Rows of one table of a source database: those that are there, and those deleted."""

    rows: int
    deleted: int


@dataclass(frozen=True, kw_only=True)
class Results:
    """What the tables say. Hours are UTC, such as `2015-05-17T10`.

    `events_by_status` and `response_bytes` are of web requests alone.
    """

    events_by_source: dict[str, int]
    events_by_type: dict[str, dict[str, int]]
    events_by_status: dict[str, int]
    events_by_hour: dict[str, int]
    hours_by_source: dict[str, dict[str, int]]
    response_bytes: int
    top_paths: list[tuple[str, int]]
    sessions: dict[str, Sessions]
    devices: list[Device]
    purchases: dict[str, Purchases]
    current_rows: dict[str, CurrentRows]


def read_results(tables: CuratedTables, since: datetime | None = None) -> Results:
    """Read the aggregates, whole or from `since` on; tables that are not there yet are empty.

    A table of days takes the whole day of `since`.
    """
    with _aggregates(tables, since) as engine:
        types = _by_source(
            engine, "SELECT source, event_type, sum(events) FROM events_hourly GROUP BY ALL"
        )
        hours = _by_source(
            engine,
            "SELECT source, strftime(hour, '%Y-%m-%dT%H'), sum(events) FROM events_hourly "
            "GROUP BY ALL",
        )
        return Results(
            events_by_source={name: sum(counts.values()) for name, counts in types.items()},
            events_by_type=types,
            events_by_status=_by_status(engine),
            events_by_hour=_summed(hours.values()),
            hours_by_source=hours,
            response_bytes=_response_bytes(engine),
            top_paths=_top_paths(engine),
            sessions=_sessions(engine),
            devices=_devices(engine),
            purchases=_purchases(engine),
            current_rows=_current_rows(engine),
        )


@contextmanager
def _aggregates(
    tables: CuratedTables, since: datetime | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with all tables of `_TABLES`; those that no step has made yet are empty."""
    there = set(tables.names())
    parts = {name: _part(columns, since) for name, columns in _TABLES.items() if name in there}
    with copied(tables, parts) as engine:
        for name, columns in _TABLES.items():
            engine.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        yield engine


def _part(columns: str, since: datetime | None) -> Part:
    pairs = [column.split() for column in columns.split(", ")]
    names = tuple(name for name, _ in pairs)
    if since is None:
        return Part(names)
    time, kind = pairs[0]
    bound = since.date().isoformat() if kind == "DATE" else since.isoformat()
    return Part(names, f"{time} >= '{bound}'")


def _by_source(engine: duckdb.DuckDBPyConnection, sql: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for source, name, count in sorted(engine.execute(sql).fetchall()):
        found.setdefault(source, {})[name] = int(count)
    return found


def _summed(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))


def _by_status(engine: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = engine.execute(
        "SELECT status, sum(events) FROM events_hourly WHERE source = ? GROUP BY ALL ORDER BY ALL",
        [WEB_LOG.name],
    ).fetchall()
    return {status: int(count) for status, count in rows}


def _response_bytes(engine: duckdb.DuckDBPyConnection) -> int:
    rows = engine.execute(
        "SELECT coalesce(sum(total), 0) FROM events_hourly WHERE source = ?", [WEB_LOG.name]
    ).fetchall()
    return int(rows[0][0])


def _top_paths(engine: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """The most requested paths, ties in their order."""
    rows = engine.execute(
        "SELECT path, sum(events) AS requests FROM paths_daily WHERE source = ? GROUP BY ALL "
        "ORDER BY requests DESC, path LIMIT ?",
        [WEB_LOG.name, TOP_PATHS],
    ).fetchall()
    return [(path, int(count)) for path, count in rows]


def _sessions(engine: duckdb.DuckDBPyConnection) -> dict[str, Sessions]:
    rows = engine.execute(
        "SELECT source, count(*), avg(events), avg(epoch(ended_at - started_at)) / 60 "
        "FROM sessions GROUP BY ALL ORDER BY source"
    ).fetchall()
    return {
        source: Sessions(
            sessions=count, events_each=round(events, 1), minutes_each=round(minutes, 1)
        )
        for source, count, events, minutes in rows
    }


def _devices(engine: duckdb.DuckDBPyConnection) -> list[Device]:
    """The devices with the most suspect readings, ties by name."""
    rows = engine.execute(
        "SELECT device_id, sensor_type, unit, sum(readings), sum(suspect) AS doubted, "
        "sum(mean * (readings - suspect)) / nullif(sum(readings - suspect), 0) "
        "FROM devices_daily GROUP BY ALL ORDER BY doubted DESC, device_id, sensor_type LIMIT ?",
        [TOP_DEVICES],
    ).fetchall()
    return [
        Device(
            device=device,
            measures=measures,
            unit=unit,
            readings=int(readings),
            suspect=int(suspect),
            mean=None if mean is None else round(mean, 2),
        )
        for device, measures, unit, readings, suspect, mean in rows
    ]


def _purchases(engine: duckdb.DuckDBPyConnection) -> dict[str, Purchases]:
    rows = engine.execute(
        "SELECT currency, count(*), coalesce(sum(quantity), 0), sum(amount_minor) FROM app_events "
        "WHERE event_type = 'purchase' AND currency IS NOT NULL GROUP BY ALL ORDER BY currency"
    ).fetchall()
    return {
        currency: Purchases(purchases=count, items=int(items), amount_minor=int(amount))
        for currency, count, items, amount in rows
    }


def _current_rows(engine: duckdb.DuckDBPyConnection) -> dict[str, CurrentRows]:
    rows = engine.execute(
        "SELECT table_name, count_if(NOT is_deleted), count_if(is_deleted) FROM current_rows "
        "GROUP BY ALL ORDER BY table_name"
    ).fetchall()
    return {
        name: CurrentRows(rows=int(there), deleted=int(deleted)) for name, there, deleted in rows
    }
