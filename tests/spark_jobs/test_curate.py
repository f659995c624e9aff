"""What one batch does to the tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs.curate import run
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.manifest import Manifest

pytestmark = pytest.mark.slow

LEDGER = ("read", "events", "duplicates", "quarantined")
FIRST = ("batch_id", "first_object")
SOURCES = "source: not one of web_log, sensor, change_data, app_event"


def test_each_event_becomes_one_typed_row_with_its_batch_and_object(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1", status=404, response_bytes=7)])
    batch = lake.curate(raw)
    columns = ("event_id", "status", "response_bytes", "target", "referrer")
    assert lake.rows("web_access", *columns) == [("e1", 404, 7, "/index.html", None)]
    accounts = ("batch_id", "raw_object", "first_object", "date_format(raw_hour, 'dd HH:mm')")
    assert lake.rows("web_access", *accounts) == [(batch.batch_id, raw.uri, raw.uri, "22 10:00")]


def test_ledger_balances_each_objects_rows_with_what_became_of_them(lake: LocalLake) -> None:
    first = lake.put_object("a.parquet", [request_row("e1"), request_row("e1"), request_row("e2")])
    second = lake.put_object("b.parquet", [request_row("e2"), request_row("bad", status=1000)])
    batch = lake.curate(first, second)
    assert lake.rows("ledger", "raw_object", "status", *LEDGER) == [
        (first.uri, "read", 3, 2, 1, 0),
        (second.uri, "read", 2, 0, 1, 1),
    ]
    assert (batch.read, batch.events, batch.duplicates, batch.quarantined) == (5, 2, 2, 1)


def test_an_object_without_an_hour_in_its_key_has_none_in_the_ledger(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1")], folder="old")
    lake.curate(raw)
    assert lake.rows("ledger", "raw_hour", *LEDGER) == [(None, 1, 1, 0, 0)]


def test_duplicates_of_an_earlier_batch_are_counted_and_left_out(lake: LocalLake) -> None:
    earlier = lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    later = lake.put_object("b.parquet", [request_row("e1"), request_row("e2")])
    batch = lake.curate(later)
    assert lake.rows("web_access", "event_id", "batch_id") == [
        ("e1", earlier.batch_id),
        ("e2", batch.batch_id),
    ]
    assert lake.rows("ledger", *LEDGER) == [(1, 1, 0, 0), (2, 1, 1, 0)]


def test_an_earlier_duplicate_replaces_a_later_one_but_not_its_account(lake: LocalLake) -> None:
    late = request_row("e1", ingest_time="2026-11-22T12:00:00", target="/late")
    first = lake.put_object("a.parquet", [late])
    batch = lake.curate(first)
    early = request_row("e1", ingest_time="2026-11-22T11:00:00", target="/early")
    second = lake.put_object("b.parquet", [early])
    lake.curate(second)
    assert lake.rows("web_access", "target", "raw_object", *FIRST) == [
        ("/early", second.uri, batch.batch_id, first.uri)
    ]
    assert lake.rows("paths_daily", "path", "events") == [("/early", 1)]
    assert lake.rows("ledger", *LEDGER) == [(1, 0, 1, 0), (1, 1, 0, 0)]


def test_a_batch_in_the_ledger_is_left_alone(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1"), request_row("bad", status=1)])
    result = lake.curate(raw)
    tables = ("web_access", "events_hourly", "paths_daily", "sessions", "quarantine", "ledger")
    assert [lake.snapshots(table) for table in tables] == [1, 1, 1, 1, 1, 1]
    assert lake.curate(raw) == result
    assert [lake.snapshots(table) for table in tables] == [1, 1, 1, 1, 1, 1]


def test_a_batch_cut_short_before_its_ledger_row_ends_the_same_when_run_again(
    lake: LocalLake,
) -> None:
    rows = [request_row("e1"), request_row("e1"), request_row("bad", status=1)]
    raw = lake.put_object("a.parquet", rows)
    lake.curate(raw)
    lake.forget_ledger()
    lake.curate(raw)
    assert lake.rows("ledger", *LEDGER) == [(3, 1, 1, 1)]
    assert lake.rows("web_access", "event_id") == [("e1",)]
    assert lake.rows("events_hourly", "events") == [(1,)]
    assert lake.rows("quarantine", "reason") == [("status: below 100",)]


def test_the_halves_of_a_batch_that_was_cut_short_balance_and_double_nothing(
    lake: LocalLake,
) -> None:
    first = lake.put_object("a.parquet", [request_row("e1"), request_row("bad", status=1)])
    second = lake.put_object("b.parquet", [request_row("e1"), request_row("e2")])
    lake.curate(first, second)
    lake.forget_ledger()
    lake.curate(first)
    lake.curate(second)
    assert lake.rows("ledger", *LEDGER) == [(2, 1, 0, 1), (2, 1, 1, 0)]
    assert lake.rows("quarantine", "row_index") == [(1,)]


def test_a_batch_asked_for_again_changes_nothing(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1"), request_row("bad", status=1)])
    result = lake.curate(raw)
    assert lake.curate(raw, again=True) == result
    assert lake.rows("web_access", "event_id") == [("e1",)]
    assert lake.rows("quarantine", "reason") == [("status: below 100",)]
    assert lake.rows("ledger", *LEDGER) == [(2, 1, 0, 1)]


def test_rows_that_break_the_contract_are_quarantined_with_place_reason_and_payload(
    lake: LocalLake,
) -> None:
    raw = lake.put_object("it's.parquet", [{"event_id": "x", "source": "sensors"}])
    batch = lake.curate(raw)
    columns = ("batch_id", "raw_object", "row_index", "reason", "payload")
    payload = '{"event_id":"x","source":"sensors"}'
    assert lake.rows("quarantine", *columns) == [(batch.batch_id, raw.uri, 0, SOURCES, payload)]


def test_late_events_are_added_to_the_hour_and_day_of_their_event_time(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1"), request_row("e2", status=404)]))
    late = request_row("e3", event_time="2015-05-17T10:59:59", target="/late")
    lake.curate(lake.put_object("b.parquet", [late]))
    hour = "date_format(hour, 'yyyy-MM-dd HH:mm')"
    assert lake.rows("events_hourly", hour, "status", "events", "total") == [
        ("2015-05-17 10:00", "200", 2, 200.0),
        ("2015-05-17 10:00", "404", 1, 100.0),
    ]
    assert lake.rows("paths_daily", "path", "events") == [("/index.html", 2), ("/late", 1)]


def test_aggregates_of_other_days_stay(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    other_day = request_row("e2", event_time="2015-05-18T00:00:00", target="/next")
    lake.curate(lake.put_object("b.parquet", [other_day]))
    assert lake.rows("paths_daily", "path", "events") == [("/index.html", 1), ("/next", 1)]
    assert lake.snapshots("paths_daily") == 2


def test_a_job_run_from_its_manifest_leaves_the_batchs_result(
    spark: SparkSession, lake: LocalLake
) -> None:
    manifest = Manifest.of([lake.put_object("a.parquet", [request_row("e1"), request_row("e1")])])
    run(spark, lake.put_manifest(manifest), lake.database)
    result = lake.bucket_dir / f"batch-results/{manifest.batch_id}.json"
    assert json.loads(result.read_text()) == {
        "batch_id": manifest.batch_id,
        "read": 2,
        "events": 1,
        "duplicates": 1,
        "quarantined": 0,
        "objects": 1,
        "unreadable": 0,
    }


def test_nothing_of_a_batch_stays_in_memory(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    jsc: Any = lake.spark.sparkContext._jsc
    assert len(jsc.getPersistentRDDs()) == 0
