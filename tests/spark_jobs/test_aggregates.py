"""What is counted from web requests."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from spark_jobs.aggregates import paths_daily, requests_hourly

pytestmark = pytest.mark.slow

EVENTS = """
    SELECT * FROM VALUES
           (TIMESTAMP '2015-05-17 10:00:00Z', 200, 10L, '/a'),
           (TIMESTAMP '2015-05-17 10:59:59.999999Z', 200, 5L, '/a'),
           (TIMESTAMP '2015-05-17 10:30:00Z', 404, 0L, '/b'),
           (TIMESTAMP '2015-05-17 11:00:00Z', 200, 3L, NULL),
           (TIMESTAMP '2015-05-18 00:00:00Z', 200, 1L, '/a')
    AS events(event_time, status, response_bytes, target)
"""


@pytest.fixture
def utc_spark(spark: SparkSession) -> SparkSession:
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark


def test_requests_and_bytes_are_counted_by_utc_hour_and_status(utc_spark: SparkSession) -> None:
    rows = requests_hourly(utc_spark.sql(EVENTS))
    listed = rows.selectExpr(
        "date_format(hour, 'dd HH:mm')", "status", "requests", "response_bytes"
    )
    assert sorted(tuple(row) for row in listed.collect()) == [
        ("17 10:00", 200, 2, 15),
        ("17 10:00", 404, 1, 0),
        ("17 11:00", 200, 1, 3),
        ("18 00:00", 200, 1, 1),
    ]


def test_paths_are_counted_by_utc_day_without_requests_that_have_none(
    utc_spark: SparkSession,
) -> None:
    rows = paths_daily(utc_spark.sql(EVENTS))
    listed = rows.selectExpr("date_format(day, 'dd')", "target", "requests")
    assert sorted(tuple(row) for row in listed.collect()) == [
        ("17", "/a", 2),
        ("17", "/b", 1),
        ("18", "/a", 1),
    ]
