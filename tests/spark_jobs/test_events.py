"""Which of duplicates wins within a batch."""

from __future__ import annotations

import pytest

from spark_jobs.events import distinct_events
from spark_jobs.raw_events import read_raw
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.manifest import RawObject
from tidelake.contract.schema import WEB_LOG

pytestmark = pytest.mark.slow


def targets(lake: LocalLake, *raw_objects: RawObject) -> list[str]:
    raw = read_raw(lake.spark, [raw.uri for raw in raw_objects])
    rows = distinct_events(raw, WEB_LOG, "batch").collect()
    return sorted(row["target"] for row in rows)


def test_of_duplicates_the_earliest_ingested_wins(lake: LocalLake) -> None:
    late = request_row("e1", target="/late", ingest_time="2026-11-22T10:00:02")
    early = request_row("e1", target="/early", ingest_time="2026-11-22T10:00:01")
    first = lake.put_object("a.parquet", [late])
    second = lake.put_object("b.parquet", [early])
    assert targets(lake, first, second) == ["/early"]


def test_of_duplicates_ingested_at_once_the_first_object_and_row_wins(lake: LocalLake) -> None:
    first = lake.put_object(
        "a.parquet", [request_row("e1", target="/a0"), request_row("e1", target="/a1")]
    )
    second = lake.put_object("b.parquet", [request_row("e1", target="/b0")])
    assert targets(lake, second, first) == ["/a0"]


def test_a_row_that_breaks_the_contract_never_wins(lake: LocalLake) -> None:
    broken = request_row("e1", status=1, ingest_time="2026-11-22T09:00:00", target="/broken")
    raw = lake.put_object("a.parquet", [broken, request_row("e1", target="/good")])
    assert targets(lake, raw) == ["/good"]
