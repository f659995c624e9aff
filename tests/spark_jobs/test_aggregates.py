"""What is counted from events, by literal rows."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.aggregates import ROLES, devices_daily, hourly, latest_changes, paths_daily
from spark_jobs.sessions import sessions

pytestmark = pytest.mark.slow


def listed(rows: DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in rows.selectExpr(*columns).collect()), key=repr)


@pytest.fixture
def requests(spark: SparkSession) -> DataFrame:
    return spark.sql("""
        SELECT *, 'request' AS event_type FROM VALUES
               (TIMESTAMP '2015-05-17 10:00:00Z', 200, 10L, '/a', 'c1'),
               (TIMESTAMP '2015-05-17 10:59:59.999999Z', 200, 5L, '/a', 'c2'),
               (TIMESTAMP '2015-05-17 10:20:00Z', 200, 90L, '/a', 'c1'),
               (TIMESTAMP '2015-05-17 10:30:00Z', 404, 0L, '/b', 'c1'),
               (TIMESTAMP '2015-05-17 11:00:00Z', 200, 3L, NULL, 'c1'),
               (TIMESTAMP '2015-05-18 00:00:00Z', 200, 1L, '/a', 'c1')
        AS events(event_time, status, response_bytes, target, client_address)
    """)


def test_requests_are_counted_by_utc_hour_and_status(requests: DataFrame) -> None:
    columns = ("date_format(hour, 'dd HH:mm')", "source", "status", "events", "actors", "total")
    assert listed(hourly(ROLES["web_log"], requests), *columns, "p50", "p99") == [
        ("17 10:00", "web_log", "200", 3, 2, 105.0, 10.0, 90.0),
        ("17 10:00", "web_log", "404", 1, 1, 0.0, 0.0, 0.0),
        ("17 11:00", "web_log", "200", 1, 1, 3.0, 3.0, 3.0),
        ("18 00:00", "web_log", "200", 1, 1, 1.0, 1.0, 1.0),
    ]


def test_events_without_status_or_measure_are_counted_all_the_same(spark: SparkSession) -> None:
    views = spark.sql(
        "SELECT TIMESTAMP '2026-11-22 10:00:00Z' AS event_time, 'page_view' AS event_type, "
        "'u1' AS user_id, CAST(NULL AS BIGINT) AS amount_minor"
    )
    columns = ("event_type", "status", "events", "actors", "total", "p50")
    assert listed(hourly(ROLES["app_event"], views), *columns) == [
        ("page_view", None, 1, 1, None, None)
    ]


def test_paths_are_counted_by_utc_day_without_events_that_have_none(requests: DataFrame) -> None:
    paths = paths_daily(ROLES["web_log"], requests)
    assert listed(paths, "date_format(day, 'dd')", "source", "path", "events") == [
        ("17", "web_log", "/a", 3),
        ("17", "web_log", "/b", 1),
        ("18", "web_log", "/a", 1),
    ]


def test_half_an_hour_of_inactivity_ends_a_session(spark: SparkSession) -> None:
    events = spark.sql("""
        SELECT * FROM VALUES
               ('a', TIMESTAMP '2026-11-22 10:00:00Z'),
               ('a', TIMESTAMP '2026-11-22 10:00:00Z'),
               ('a', TIMESTAMP '2026-11-22 10:30:00Z'),
               ('a', TIMESTAMP '2026-11-22 11:00:00.000001Z'),
               ('b', TIMESTAMP '2026-11-22 10:59:00Z')
        AS events(client_address, event_time)
    """)
    found = sessions("web_log", "client_address", events)
    times = ("date_format(started_at, 'HH:mm')", "date_format(ended_at, 'HH:mm')")
    assert listed(found, "source", "visitor", *times, "events") == [
        ("web_log", "a", "10:00", "10:30", 3),
        ("web_log", "a", "11:00", "11:00", 1),
        ("web_log", "b", "10:59", "10:59", 1),
    ]


def test_suspect_readings_are_counted_and_measure_nothing(spark: SparkSession) -> None:
    readings = spark.sql("""
        SELECT *, 'temperature' AS sensor_type, 'C' AS unit FROM VALUES
               ('d1', TIMESTAMP '2026-11-22 10:00:00Z', 20.0D, 'good'),
               ('d1', TIMESTAMP '2026-11-22 11:00:00Z', 24.0D, 'good'),
               ('d1', TIMESTAMP '2026-11-22 12:00:00Z', 999.0D, 'suspect'),
               ('d2', TIMESTAMP '2026-11-22 10:00:00Z', 999.0D, 'suspect')
        AS readings(device_id, event_time, value, quality)
    """)
    columns = ("device_id", "readings", "suspect", "mean", "deviation", "minimum", "maximum")
    assert listed(devices_daily(readings), *columns, "date_format(last_at, 'HH')") == [
        ("d1", 3, 1, 22.0, 2.0, 20.0, 24.0, "12"),
        ("d2", 1, 1, None, None, None, None, "10"),
    ]


def test_the_latest_change_by_position_is_the_row_whatever_its_time(spark: SparkSession) -> None:
    changes = spark.sql("""
        SELECT 'shop' AS database_name, CAST(NULL AS STRING) AS schema_name,
               'users' AS table_name, * FROM VALUES
               ('{"id":1}', '0001', 'e1', TIMESTAMP '2026-11-22 12:00:00Z', 'INSERT', '{"n":1}'),
               ('{"id":1}', '0002', 'e2', TIMESTAMP '2026-11-22 11:00:00Z', 'UPDATE', '{"n":2}'),
               ('{"id":2}', '0003', 'e3', TIMESTAMP '2026-11-22 10:00:00Z', 'DELETE', NULL)
        AS changes(row_key, source_position, event_id, event_time, operation, row_after)
    """)
    columns = ("row_key", "source_position", "event_id", "is_deleted", "row_data")
    assert listed(latest_changes(changes), *columns) == [
        ('{"id":1}', "0002", "e2", False, '{"n":2}'),
        ('{"id":2}', "0003", "e3", True, None),
    ]
