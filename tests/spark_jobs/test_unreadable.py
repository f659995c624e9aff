"""Objects that cannot be read are set aside, one by one, and the others are exact."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark_jobs.unreadable import reason_or_raise
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.java_fakes import SparkError
from tests.spark_jobs.rows import RAW_SCHEMA, request_row
from tidelake.contract.manifest import RawObject

pytestmark = pytest.mark.slow


def truncated(lake: LocalLake) -> RawObject:
    whole = lake.put_object("whole.parquet", [request_row("lost")])
    content = (lake.bucket_dir / whole.key).read_bytes()
    return lake.put_bytes("truncated.parquet", content[: len(content) // 2])


def drifted(lake: LocalLake) -> RawObject:
    rows = pa.Table.from_pylist([request_row("drifted")], schema=RAW_SCHEMA)
    at = RAW_SCHEMA.get_field_index("status")
    return lake.put_table("drifted.parquet", rows.set_column(at, "status", pa.array(["200"])))


def foreign(lake: LocalLake) -> RawObject:
    return lake.put_table("foreign.parquet", pa.table({"target": ["/"], "city": ["Seoul"]}))


def gone(lake: LocalLake) -> RawObject:
    raw = lake.put_object("gone.parquet", [request_row("gone")])
    (lake.bucket_dir / raw.key).unlink()
    return raw


def test_four_unreadable_objects_among_a_hundred_are_quarantined_and_counted(
    lake: LocalLake,
) -> None:
    good = [
        lake.put_object(f"{n:03}.parquet", [request_row(f"e{n}"), request_row("twice")])
        for n in range(100)
    ]
    empty = lake.put_bytes("empty.parquet", b"")
    bad = {
        truncated(lake).uri: "the object is no readable Parquet",
        empty.uri: "the object is no readable Parquet",
        drifted(lake).uri: "a column of the object is not of the contract's type",
        foreign(lake).uri: "the object has no column event_id, event_time, ingest_time, source, "
        "event_type, schema_version",
    }
    objects = [RawObject(o.bucket, o.key, "", 1) for o in good] + [
        RawObject("lake-bucket", uri.removeprefix("s3://lake-bucket/"), "", 1) for uri in bad
    ]
    result = lake.curate(*objects)
    assert (result.objects, result.unreadable) == (104, 4)
    assert (result.read, result.events, result.duplicates, result.quarantined) == (200, 101, 99, 0)
    assert lake.rows("web_access", "count(*)", "count(DISTINCT event_id)") == [(101, 101)]
    assert {row[0]: row[1] for row in lake.rows("quarantine", "raw_object", "reason")} == bad
    assert lake.rows("quarantine", "count(row_index)", "count(payload)") == [(0, 0)]
    set_aside = lake.spark.table(lake.tables.name("ledger")).where("status = 'unreadable'")
    columns = ("raw_object", "reason", "read", "events", "duplicates", "quarantined")
    assert {tuple(row) for row in set_aside.select(*columns).collect()} == {
        (uri, reason, 0, 0, 0, 0) for uri, reason in bad.items()
    }


def test_a_batch_of_which_nothing_can_be_read_is_in_the_ledger(lake: LocalLake) -> None:
    result = lake.curate(gone(lake), lake.put_bytes("b.parquet", b"PAR1 no Parquet PAR1"))
    assert (result.objects, result.unreadable, result.read) == (2, 2, 0)
    assert lake.rows("quarantine", "reason") == [
        ("the object is gone",),
        ("the object is no readable Parquet",),
    ]


def test_an_object_of_no_rows_is_read(lake: LocalLake) -> None:
    result = lake.curate(lake.put_object("none.parquet", []))
    assert (result.objects, result.unreadable, result.read) == (1, 0, 0)


def test_rows_that_are_all_broken_do_not_make_an_object_unreadable(lake: LocalLake) -> None:
    result = lake.curate(lake.put_object("broken.parquet", [{"source": "web_log"}]))
    assert (result.unreadable, result.quarantined) == (0, 1)


def test_a_damaged_page_makes_an_object_unreadable(lake: LocalLake) -> None:
    raw = lake.put_object("damaged.parquet", [request_row(f"e{n}") for n in range(100)])
    path = lake.bucket_dir / raw.key
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset + 20
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(bytes(content))
    good = lake.put_object("good.parquet", [request_row("good")])
    result = lake.curate(raw, good)
    assert (result.unreadable, result.events) == (1, 1)


def test_an_error_that_is_not_about_an_object_fails_the_batch(spark: SparkSession) -> None:
    with pytest.raises(ConnectionError):
        reason_or_raise(ConnectionError("the network is down"))
    jvm = spark.sparkContext._jvm
    refused = jvm.java.io.UncheckedIOException(jvm.java.net.ConnectException("refused"))  # type: ignore[union-attr]

    class Py4jError(Exception):
        java_exception = refused

    with pytest.raises(Py4jError):
        reason_or_raise(Py4jError())


@pytest.mark.parametrize(
    ("java", "message"),
    [
        ("java.lang.OutOfMemoryError", "Java heap space"),
        ("java.io.IOException", "No space left on device"),
    ],
)
def test_a_machine_at_its_limit_makes_no_object_unreadable(java: str, message: str) -> None:
    with pytest.raises(SparkError):
        reason_or_raise(SparkError(java, message=message))
