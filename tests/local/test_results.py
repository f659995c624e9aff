"""The results are those of the tables, read without Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pyarrow as pa
import pytest

from tests.conftest import LocalAwsUnderTest
from tidelake.local.results import HOUR, CuratedTables

pytestmark = pytest.mark.slow


@pytest.fixture
def tables(local_aws: LocalAwsUnderTest) -> CuratedTables:
    """An empty database of its own, with a warehouse."""
    name = f"results_{uuid4().hex[:8]}"
    bucket = name.replace("_", "-")
    local_aws.client("s3").create_bucket(Bucket=bucket)
    tables = CuratedTables.at(local_aws.endpoint, name)
    tables.catalog.create_namespace(name, {"location": f"s3://{bucket}/{name}"})
    return tables


def write(tables: CuratedTables, name: str, rows: pa.Table) -> None:
    tables.catalog.create_table((tables.database, name), rows.schema).append(rows)


def test_results_sum_over_days_and_order_ties_by_path(tables: CuratedTables) -> None:
    at_ten = datetime(2015, 5, 17, 10, tzinfo=UTC)
    at_eleven = datetime(2015, 5, 17, 11, tzinfo=UTC)
    hourly = {
        "hour": pa.array([at_ten, at_ten, at_eleven], HOUR),
        "status": pa.array(["200", "404", "200"]),
        "events": pa.array([3, 1, 2], pa.int64()),
        "total": pa.array([30.0, 0.0, 12.0]),
    }
    daily = {
        "day": pa.array([date(2015, 5, 17), date(2015, 5, 18), date(2015, 5, 17)], pa.date32()),
        "path": pa.array(["/b", "/b", "/a"]),
        "events": pa.array([1, 2, 3], pa.int64()),
    }
    write(tables, "events_hourly", pa.table(hourly))
    write(tables, "paths_daily", pa.table(daily))

    results = tables.results()

    assert results.events_by_status == {"200": 5, "404": 1}
    assert results.events_by_hour == {"2015-05-17T10": 4, "2015-05-17T11": 2}
    assert results.response_bytes == 42
    assert results.top_paths == [("/a", 3), ("/b", 3)]


def test_only_the_ten_most_requested_paths_are_named(tables: CuratedTables) -> None:
    hourly = {
        "hour": pa.array([], HOUR),
        "status": pa.array([], pa.string()),
        "events": pa.array([], pa.int64()),
        "total": pa.array([], pa.float64()),
    }
    daily = {
        "path": pa.array([f"/{n}" for n in range(12)]),
        "events": pa.array(range(12), pa.int64()),
    }
    write(tables, "events_hourly", pa.table(hourly))
    write(tables, "paths_daily", pa.table(daily))

    assert [path for path, _ in tables.results().top_paths] == [
        *("/11", "/10", "/9", "/8", "/7", "/6", "/5", "/4", "/3", "/2")
    ]


def test_the_ledger_is_summed_over_its_batches(tables: CuratedTables) -> None:
    batches = {
        "batch_id": pa.array(["a", "b"]),
        "events": pa.array([5, 4], pa.int64()),
        "duplicates": pa.array([0, 2], pa.int64()),
        "quarantined": pa.array([1, 0], pa.int64()),
    }
    write(tables, "ledger", pa.table(batches))

    counts = tables.counts()

    assert (counts.events, counts.duplicates, counts.quarantined) == (9, 2, 1)


def test_tables_that_no_step_has_made_yet_are_empty(tables: CuratedTables) -> None:
    assert tables.counts().read == 0
    assert tables.results().top_paths == []
    assert tables.results().events_by_hour == {}
