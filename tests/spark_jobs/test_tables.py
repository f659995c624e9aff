"""How batches reach the tables."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from spark_jobs.tables import within_days
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row


def test_days_in_a_row_become_one_pair_of_literal_bounds() -> None:
    assert within_days("t.at", [3, 1, 2, 9]) == (
        "(t.at >= timestamp_seconds(86400) AND t.at < timestamp_seconds(345600)) OR "
        "(t.at >= timestamp_seconds(777600) AND t.at < timestamp_seconds(864000))"
    )


def test_without_days_nothing_holds() -> None:
    assert within_days("t.at", []) == "false"


@pytest.mark.slow
def test_a_merge_reads_no_file_of_an_untouched_day(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    files = lake.spark.table(f"{lake.tables.name('web_access')}.files")
    (untouched,) = files.collect()
    Path(urlsplit(untouched["file_path"]).path).unlink()
    next_day = request_row("e2", event_time="2015-05-18T23:59:59")
    lake.curate(lake.put_object("b.parquet", [next_day]))
    assert lake.rows("batches", "events") == [(1,), (1,)]
