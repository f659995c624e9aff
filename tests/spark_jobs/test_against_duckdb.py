"""The aggregates are those that DuckDB, which shares no code with the jobs, finds in raw events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import change_row, reading_row, request_row, utc, view_row
from tidelake.contract.manifest import RawObject

pytestmark = pytest.mark.slow

EVENTS = 6_000
START = datetime.fromisoformat("2026-11-21T00:00:00")


def mixed_rows(seed: int) -> Iterator[dict[str, object]]:
    """Events of all sources over two days: 2 % late by days, 1 % bad, 1 % twice."""
    chosen = random.Random(seed)  # noqa: S311  the same rows each time
    for n in range(EVENTS):
        seconds = chosen.uniform(0, 2 * 86_400) - (3 * 86_400 if n % 50 == 0 else 0)
        at = utc((START + timedelta(seconds=seconds)).isoformat())
        client, kind = chosen.randrange(400), n % 4
        if kind == 0:
            status = 999 if n % 100 == 0 else chosen.choice((200, 404))
            row = request_row(f"e{n}", status=status, response_bytes=chosen.randrange(10**6))
            row |= {"client_address": f"c{client}", "target": f"/{client % 30}"}
        elif kind == 1:
            quality = chosen.choice(("good", "good", "suspect"))
            row = reading_row(f"e{n}", device_id=f"d{client}", quality=quality)
            row["value"] = chosen.gauss(20, 5)
        elif kind == 2:
            row = change_row(f"e{n}", row_key=client, position=chosen.randrange(10**6))
        else:
            row = view_row(f"e{n}", user_id=f"u{client}", page=f"/p{client % 20}")
            row["amount_minor"] = chosen.randrange(1, 10_000) if n % 3 == 0 else None
        row["event_time"] = at
        yield row
        if n % 100 == 1:
            yield row


def numbers(values: Any) -> list[float]:
    """The values, with -1e9 for none, which no measure is: `approx` compares numbers alone."""
    return [-1e9 if value is None else float(value) for value in values]


@pytest.fixture(scope="module")
def raw(module_lake: LocalLake) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with `events`: the raw zone's distinct good ones; the lake has curated the same."""
    rows = list(mixed_rows(seed=7))
    random.Random(8).shuffle(rows)  # noqa: S311
    objects: list[RawObject] = [
        module_lake.put_object(f"{n}.parquet", rows[n::4]) for n in range(4)
    ]
    module_lake.curate(*objects[:2])
    module_lake.curate(*objects[1:])
    files = [str(module_lake.bucket_dir / raw_object.key) for raw_object in objects]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.read_parquet(files).create_view("raw")
        connection.execute(
            "CREATE TABLE events AS SELECT DISTINCT ON (event_id) * FROM raw "
            "WHERE status IS NULL OR status BETWEEN 100 AND 599"
        )
        yield connection


def test_hours_are_the_same_and_approximate_columns_within_two_percent(
    module_lake: LocalLake, raw: duckdb.DuckDBPyConnection
) -> None:
    expected = raw.execute("""
        SELECT date_trunc('hour', event_time)::VARCHAR, source, event_type,
               coalesce(status::VARCHAR, quality, operation) AS state, count(*),
               count(DISTINCT coalesce(client_address, device_id, row_key, user_id)),
               sum(coalesce(response_bytes, value, amount_minor)) AS total,
               quantile_disc(coalesce(response_bytes, value, amount_minor), [0.5, 0.95, 0.99])
        FROM events GROUP BY ALL""").fetchall()
    found = module_lake.rows(
        "events_hourly",
        *("CAST(hour AS STRING)", "source", "event_type", "status", "events", "actors", "total"),
        "array(p50, p95, p99)",
    )
    expected.sort(key=repr)
    assert len(found) == len(expected)
    for ours, theirs in zip(sorted(found, key=repr), expected, strict=True):
        assert ours[:5] == theirs[:5]
        assert ours[5] == pytest.approx(theirs[5], rel=0.02)
        assert numbers([ours[6]]) == pytest.approx(numbers([theirs[6]]), rel=1e-9)
        percentiles = [None] * 3 if theirs[7] is None else theirs[7]
        assert numbers(ours[7]) == pytest.approx(numbers(percentiles), rel=0.02)


def test_paths_are_the_same(module_lake: LocalLake, raw: duckdb.DuckDBPyConnection) -> None:
    expected = raw.execute("""
        SELECT event_time::DATE, source, coalesce(target, page) AS path, count(*)
        FROM events WHERE path IS NOT NULL GROUP BY ALL""").fetchall()
    found = module_lake.rows("paths_daily", "day", "source", "path", "events")
    assert found == sorted(expected, key=repr)


def test_sessions_are_the_same(module_lake: LocalLake, raw: duckdb.DuckDBPyConnection) -> None:
    expected = raw.execute("""
        WITH visits AS (
            SELECT source, coalesce(client_address, user_id) AS visitor, epoch_us(event_time) AS us
            FROM events WHERE source IN ('web_log', 'app_event')),
        starts AS (
            SELECT *, us - lag(us) OVER (PARTITION BY source, visitor ORDER BY us)
                   <= 1800000000 AS goes_on FROM visits),
        numbered AS (
            SELECT *, sum((goes_on IS NOT TRUE)::INT) OVER (
                   PARTITION BY source, visitor ORDER BY us) AS number FROM starts)
        SELECT source, visitor, min(us), max(us), count(*)
        FROM numbered GROUP BY source, visitor, number""").fetchall()
    times = ("unix_micros(started_at)", "unix_micros(ended_at)")
    found = module_lake.rows("sessions", "source", "visitor", *times, "events")
    assert found == sorted(expected, key=repr)


def test_devices_are_the_same(module_lake: LocalLake, raw: duckdb.DuckDBPyConnection) -> None:
    expected = raw.execute("""
        SELECT event_time::DATE, device_id, count(*), count(*) FILTER (quality = 'suspect'),
               avg(value) FILTER (quality = 'good'), stddev_pop(value) FILTER (quality = 'good')
        FROM events WHERE source = 'sensor' GROUP BY ALL""").fetchall()
    counts = ("day", "device_id", "readings", "suspect")
    found = module_lake.rows("devices_daily", *counts, "mean", "deviation")
    expected.sort(key=repr)
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert numbers(ours[4:]) == pytest.approx(numbers(theirs[4:]), rel=1e-9, abs=1e-9)


def test_current_rows_are_the_same(module_lake: LocalLake, raw: duckdb.DuckDBPyConnection) -> None:
    expected = raw.execute("""
        SELECT DISTINCT ON (row_key) row_key, source_position, row_after FROM events
        WHERE source = 'change_data' ORDER BY row_key, source_position DESC, event_id DESC
        """).fetchall()
    found = module_lake.rows("current_rows", "row_key", "source_position", "row_data")
    assert found == sorted(expected, key=repr)
