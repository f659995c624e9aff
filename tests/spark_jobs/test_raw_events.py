"""What a batch reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from spark_jobs.batches import read_batch
from spark_jobs.raw_events import object_uris, read_manifest, read_raw
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.errors import InputError, PipelineError
from tidelake.contract.manifest import Manifest

pytestmark = pytest.mark.slow


def test_exactly_the_objects_of_the_manifest_are_read(spark: SparkSession, lake: LocalLake) -> None:
    first = lake.put_object("a.parquet", [request_row("e1")])
    lake.put_object("b.parquet", [request_row("not in the manifest")])
    third = lake.put_object("c.parquet", [request_row("e3")])
    raw = read_raw(spark, [first.uri, third.uri])
    rows = raw.select("event_id", "raw_object", "row_index").orderBy("event_id").collect()
    assert [tuple(row) for row in rows] == [("e1", first.uri, 0), ("e3", third.uri, 0)]


def test_the_rows_name_their_object_and_its_hour_of_arrival(
    spark: SparkSession, lake: LocalLake
) -> None:
    odd = lake.put_object("a b%20+ü.parquet", [request_row("e1")])
    no_hour = lake.put_object("a.parquet", [request_row("e2")], folder="year=2026/month=13/day=1")
    rows = read_raw(spark, [odd.uri, no_hour.uri]).orderBy("event_id")
    listed = rows.selectExpr("raw_object", "date_format(raw_hour, 'yyyy-MM-dd HH:mm')").collect()
    assert [tuple(row) for row in listed] == [
        (odd.uri, "2026-11-22 10:00"),
        (no_hour.uri, None),
    ]


def test_rows_of_a_file_that_spark_names_otherwise_fail_the_batch(
    spark: SparkSession, lake: LocalLake
) -> None:
    lake.put_object("a.parquet", [request_row("e1")])
    [file] = lake.bucket_dir.rglob(f"{lake.database}/a.parquet")
    # Spark's name of it has one slash.
    with pytest.raises(PipelineError, match="which the manifest does not name so"):
        read_batch(spark, [f"file://{file}"])


def test_no_objects_are_no_rows(spark: SparkSession) -> None:
    assert read_raw(spark, []).count() == 0


def test_a_wildcard_in_an_objects_name_stands_for_itself(
    spark: SparkSession, lake: LocalLake
) -> None:
    named = lake.put_object("a*{b}[c]?.parquet", [request_row("e1")])
    lake.put_object("a-b-bc-.parquet", [request_row("not in the manifest")])
    rows = read_raw(spark, [named.uri]).select("event_id").collect()
    assert [tuple(row) for row in rows] == [("e1",)]


def test_two_versions_of_an_object_are_read_as_one(lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [request_row("e1")])
    versions = [replace(raw, version_id=version) for version in ("v1", "v2")]
    assert object_uris(Manifest.of(versions)) == [raw.uri]


def test_columns_that_an_object_lacks_are_null(spark: SparkSession, lake: LocalLake) -> None:
    raw = lake.put_object("a.parquet", [{"event_id": "e1"}])
    (row,) = read_raw(spark, [raw.uri]).select("event_id", "status").collect()
    assert tuple(row) == ("e1", None)


def test_a_manifest_without_objects_is_refused(spark: SparkSession, lake: LocalLake) -> None:
    uri = lake.put_manifest(Manifest.of([]))
    with pytest.raises(InputError, match="names no object; allowed: at least one"):
        read_manifest(spark, uri)
