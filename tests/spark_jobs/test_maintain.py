"""Compaction, expiry and orphan removal."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spark_jobs import maintain as job
from spark_jobs.maintain import Limits, Maintained, maintain
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row

pytestmark = pytest.mark.slow

LIMITS = Limits(target_file_mib=128, snapshot_days=7, orphan_hours=24)
DAYS_LATER = 8


def grown_lake(lake: LocalLake) -> None:
    """Three batches of one day: three files, and one row that gave way to an earlier one."""
    late = request_row("e1", ingest_time="2026-11-22T12:00:00")
    lake.curate(lake.put_object("a.parquet", [late]))
    lake.curate(lake.put_object("b.parquet", [request_row("e1"), request_row("e2")]))
    lake.curate(lake.put_object("c.parquet", [request_row("e3")]))


def maintained(lake: LocalLake, now: datetime | None = None) -> dict[str, Maintained]:
    moment = datetime.now(UTC) if now is None else now
    # Iceberg itself refuses files that are younger than a day by the real clock.
    limits = LIMITS if now is None else replace(LIMITS, orphan_hours=(DAYS_LATER + 2) * 24)
    return {done.table: done for done in maintain(lake.spark, lake.database, limits, moment)}


def files(lake: LocalLake, table: str) -> int:
    return lake.spark.table(f"{lake.tables.name(table)}.files").count()


def test_small_files_become_one_and_no_row_changes(lake: LocalLake) -> None:
    grown_lake(lake)
    before = lake.rows("web_access", "event_id", "raw_object", "batch_id")
    assert files(lake, "web_access") > 1
    done = maintained(lake)
    assert files(lake, "web_access") == 1
    assert done["web_access"].rewritten_files > 1
    assert done["web_access"].new_files == 1
    assert done["web_access"].expired_snapshots == 0
    assert lake.rows("web_access", "event_id", "raw_object", "batch_id") == before


def test_old_snapshots_go_and_the_current_one_stays(lake: LocalLake) -> None:
    grown_lake(lake)
    done = maintained(lake, now=datetime.now(UTC) + timedelta(days=DAYS_LATER))
    assert lake.snapshots("ledger") == 1
    assert done["ledger"].expired_snapshots == 3
    assert lake.rows("ledger", "events") == [(1,), (1,), (1,)]


def test_a_file_of_no_snapshot_is_removed_once_it_is_a_day_old(lake: LocalLake) -> None:
    grown_lake(lake)
    name = f"{lake.tables.name('web_access')}.files"
    known = Path(lake.spark.table(name).first()["file_path"].removeprefix("file:"))  # type: ignore[index]
    old, young = known.with_name("old.parquet"), known.with_name("young.parquet")
    for orphan, hours in ((old, 25), (young, 23)):
        orphan.write_bytes(b"left by a run that was killed")
        then = time.time() - hours * 3600
        os.utime(orphan, (then, then))
    done = maintained(lake)
    assert done["web_access"].orphan_files == 1
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("--orphan-hours", 23, 24), ("--snapshot-days", 0, 1), ("--target-file-mib", 0, 1)],
)
def test_a_limit_that_would_harm_is_refused(
    option: str, value: int, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {"--target-file-mib": 128, "--snapshot-days": 7, "--orphan-hours": 24, option: value}
    arguments = [str(part) for pair in limits.items() for part in pair]
    with pytest.raises(SystemExit, match="2"):
        job.main(["--database", "d", *arguments])
    assert f"{option} {value} is not allowed; allowed: at least {least}" in capsys.readouterr().err
