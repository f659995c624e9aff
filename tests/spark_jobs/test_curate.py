"""What one batch does to the tables."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from spark_jobs.curate import run
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.manifest import Manifest

pytestmark = pytest.mark.slow

LEDGER = ("objects", "read", "events", "duplicates", "quarantined")


def test_each_event_becomes_one_typed_row_with_its_batch_and_object(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1", status=404, response_bytes=7)])
    batch = lake.curate(raw)
    columns = ("event_id", "status", "response_bytes", "target", "referrer")
    assert lake.rows("web_access", *columns) == [("e1", 404, 7, "/index.html", None)]
    assert lake.rows("web_access", "batch_id", "raw_object") == [(batch.batch_id, raw.uri)]


def test_ledger_balances_read_with_events_duplicates_and_quarantined(lake: LocalLake) -> None:
    first = lake.put_object("a.parquet", [request_row("e1"), request_row("e1"), request_row("e2")])
    second = lake.put_object("b.parquet", [request_row("e2"), request_row("bad", status=1000)])
    lake.curate(first, second)
    assert lake.rows("batches", *LEDGER) == [(2, 5, 2, 2, 1)]


def test_duplicates_of_an_earlier_batch_are_counted_and_left_out(lake: LocalLake) -> None:
    earlier = lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    later = lake.put_object("b.parquet", [request_row("e1"), request_row("e2")])
    batch = lake.curate(later)
    assert lake.rows("web_access", "event_id", "batch_id") == [
        ("e1", earlier.batch_id),
        ("e2", batch.batch_id),
    ]
    assert lake.rows("batches", *LEDGER) == [(1, 1, 1, 0, 0), (1, 2, 1, 1, 0)]


def test_an_earlier_duplicate_replaces_a_later_one_and_keeps_its_batch(lake: LocalLake) -> None:
    late = request_row("e1", ingest_time="2026-11-22T12:00:00", target="/late")
    first = lake.curate(lake.put_object("a.parquet", [late]))
    early = request_row("e1", ingest_time="2026-11-22T11:00:00", target="/early")
    lake.curate(lake.put_object("b.parquet", [early]))
    assert lake.rows("web_access", "target", "batch_id") == [("/early", first.batch_id)]
    assert lake.rows("web_paths_daily", "target", "requests") == [("/early", 1)]


def test_a_batch_in_the_ledger_is_left_alone(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1"), request_row("bad", status=1)])
    lake.curate(raw)
    lake.curate(raw)
    tables = ("web_access", "web_requests_hourly", "web_paths_daily", "quarantine", "batches")
    assert [lake.snapshots(table) for table in tables] == [1, 1, 1, 1, 1]


def test_a_batch_cut_short_before_its_ledger_row_ends_the_same_when_run_again(
    lake: LocalLake,
) -> None:
    rows = [request_row("e1"), request_row("e1"), request_row("bad", status=1)]
    raw = lake.put_object("a.parquet", rows)
    lake.curate(raw)
    lake.spark.sql("DELETE FROM IDENTIFIER(:table)", {"table": lake.tables.name("batches")})
    lake.curate(raw)
    assert lake.rows("batches", *LEDGER) == [(1, 3, 1, 1, 1)]
    assert lake.rows("web_access", "event_id") == [("e1",)]
    assert lake.rows("web_requests_hourly", "requests") == [(1,)]
    assert lake.rows("quarantine", "reason") == [("status: below 100",)]


def test_rows_that_break_the_contract_are_quarantined_with_reason_and_payload(
    lake: LocalLake,
) -> None:
    raw = lake.put_object("a.parquet", [{"event_id": "x", "source": "sensors"}])
    batch = lake.curate(raw)
    columns = ("batch_id", "raw_object", "reason", "payload")
    assert lake.rows("quarantine", *columns) == [
        (
            batch.batch_id,
            raw.uri,
            "source: not one of web_log",
            '{"event_id":"x","source":"sensors"}',
        )
    ]


def test_late_events_are_added_to_the_hour_and_day_of_their_event_time(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1"), request_row("e2", status=404)]))
    late = request_row("e3", event_time="2015-05-17T10:59:59", target="/late")
    lake.curate(lake.put_object("b.parquet", [late]))
    hour = "date_format(hour, 'yyyy-MM-dd HH:mm')"
    table = lake.spark.table(lake.tables.name("web_requests_hourly"))
    hourly = table.selectExpr(hour, "status", "requests", "response_bytes").collect()
    assert sorted(tuple(row) for row in hourly) == [
        ("2015-05-17 10:00", 200, 2, 200),
        ("2015-05-17 10:00", 404, 1, 100),
    ]
    assert lake.rows("web_paths_daily", "target", "requests") == [("/index.html", 2), ("/late", 1)]


def test_aggregates_of_other_days_stay(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    other_day = request_row("e2", event_time="2015-05-18T00:00:00", target="/next")
    lake.curate(lake.put_object("b.parquet", [other_day]))
    assert lake.rows("web_paths_daily", "target", "requests") == [("/index.html", 1), ("/next", 1)]
    assert lake.snapshots("web_paths_daily") == 2


def test_a_job_run_from_its_manifest_exits_0(spark: SparkSession, lake: LocalLake) -> None:
    manifest = Manifest.of([lake.put_object("a.parquet", [request_row("e1")])])
    assert run(spark, lake.put_manifest(manifest), lake.database) == 0
    assert lake.rows("batches", "batch_id") == [(manifest.batch_id,)]


@pytest.mark.parametrize("content", [b"PAR1 this is no Parquet PAR1", None])
def test_an_unreadable_or_missing_object_fails_the_job_in_one_line_and_no_ledger_row(
    lake: LocalLake, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    bad = lake.put_bytes("bad.parquet", b"" if content is None else content)
    if content is None:
        (lake.bucket_dir / bad.key).unlink()
    good = lake.put_object("good.parquet", [request_row("e1")])
    uri = lake.put_manifest(Manifest.of([good, bad]))
    assert run(lake.spark, uri, lake.database) == 1
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert last_line.startswith(f"curate failed: {uri}: ")
    assert lake.rows("batches", *LEDGER) == []
    assert lake.rows("web_access", "event_id") == []
