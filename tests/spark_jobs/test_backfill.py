"""Raw objects of a period, or old ones, are taken in again, and nothing twice."""

from __future__ import annotations

from datetime import date

import pytest
from pyspark.sql import SparkSession

from spark_jobs import backfill
from spark_jobs.backfill import batches, day_folders, list_objects, without_read
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.manifest import RawObject

OLD = [RawObject("b", f"k{n}", "", 40) for n in (3, 1, 2)] + [RawObject("b", "k4", "", 500)]


def test_a_period_is_the_folders_of_its_arrival_days() -> None:
    assert day_folders("s3://b/streaming-data/", date(2026, 11, 30), date(2026, 12, 2)) == [
        "s3://b/streaming-data/year=2026/month=11/day=30/",
        "s3://b/streaming-data/year=2026/month=12/day=01/",
    ]


def test_batches_are_bounded_in_bytes_and_a_larger_object_is_one_of_its_own() -> None:
    found = batches(OLD, most_bytes=100, most_objects=10)
    assert [[raw.key for raw in batch.objects] for batch in found] == [
        ["k1", "k2"],
        ["k3"],
        ["k4"],
    ]


def test_batches_are_bounded_in_objects() -> None:
    found = batches(OLD, most_bytes=10_000, most_objects=3)
    assert [len(batch.objects) for batch in found] == [3, 1]


def test_half_a_period_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        backfill.main(["--database", "d", "--raw", "s3://b/", "--from", "2026-11-22"])
    assert "--from and --to are given together" in capsys.readouterr().err


@pytest.mark.slow
def test_objects_below_a_folder_are_found_by_their_exact_names(
    spark: SparkSession, lake: LocalLake
) -> None:
    folder = f"old files/{lake.database}"
    plain = lake.put_object("a.parquet", [request_row("e1")], folder=folder)
    odd = lake.put_object("b #1?%20.parquet", [request_row("e2")], folder=folder)
    lake.put_bytes("empty.parquet", b"", folder=folder)
    lake.put_bytes("_SUCCESS", b"1", folder=folder)
    found = list_objects(spark, [f"s3://lake-bucket/{folder}/", "s3://lake-bucket/no such/"])
    assert sorted(raw.uri for raw in found) == sorted([plain.uri, odd.uri])
    assert all(raw.size > 0 for raw in found)


@pytest.mark.slow
def test_only_what_the_ledger_does_not_have_as_read_is_left(
    spark: SparkSession, lake: LocalLake
) -> None:
    read = lake.put_object("a.parquet", [request_row("e1")])
    unread = lake.put_object("b.parquet", [request_row("e2")])
    unreadable = lake.put_bytes("c.parquet", b"no Parquet")
    objects = [read, unread, unreadable]
    assert without_read(spark, lake.database, objects) == objects
    lake.curate(read, unreadable)
    assert without_read(spark, lake.database, objects) == [unread, unreadable]


@pytest.mark.slow
def test_an_object_that_was_mended_is_taken_in_and_balances(lake: LocalLake) -> None:
    broken = lake.put_bytes("a.parquet", b"no Parquet")
    lake.curate(broken)
    mended = lake.put_object("a.parquet", [request_row("e1")])
    assert mended.uri == broken.uri
    result = lake.curate(mended, again=True)
    assert (result.objects, result.unreadable, result.events) == (1, 0, 1)
