"""Commits that overlap in one process, with the conflicts that Iceberg really raises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import DataFrame

from spark_jobs.accounts import BatchResult
from spark_jobs.aggregates import ROLES, paths_daily
from spark_jobs.curate import curate
from spark_jobs.tables import EVENTS, PATHS
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.manifest import Manifest, RawObject

pytestmark = pytest.mark.slow


def test_batches_with_the_same_events_at_the_same_time_insert_each_event_once(
    lake: LocalLake,
) -> None:
    rows = [request_row(f"e{n}") for n in range(20)]
    objects = [lake.put_object(name, rows) for name in ("a.parquet", "b.parquet")]

    def curate_alone(raw: RawObject) -> BatchResult:
        # A session has its own temporary views, as each job has.
        return curate(lake.spark.newSession(), Manifest.of([raw]), lake.database)

    with ThreadPoolExecutor() as threads:
        results = list(threads.map(curate_alone, objects))
    assert sorted((result.events, result.duplicates) for result in results) == [(0, 20), (20, 0)]
    assert lake.rows("web_access", "count(*)", "count(DISTINCT event_id)") == [(20, 20)]
    assert lake.rows("paths_daily", "path", "events") == [("/index.html", 20)]


def test_rows_that_another_commit_came_before_are_computed_anew(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    attempts: list[int] = []

    def compute() -> tuple[str, DataFrame]:
        attempts.append(1)
        counted = paths_daily(ROLES["web_log"], lake.tables.read(EVENTS["web_log"]))
        known = counted.localCheckpoint()
        if len(attempts) == 1:
            lake.curate(lake.put_object("b.parquet", [request_row("e2")]))
        return "day = DATE'2015-05-17'", known

    lake.tables.replace(PATHS, compute)
    assert len(attempts) == 2
    assert lake.rows("paths_daily", "path", "events") == [("/index.html", 2)]
