"""Jobs that are killed, overlap and are watched: real processes, in the Glue catalog."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.conftest import LocalAwsUnderTest
from tests.spark_jobs.rows import change_row, request_row
from tests.spark_jobs.spark_processes import GlueLake
from tidelake.contract.manifest import RawObject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("TIDELAKE_TEST_KILLS", "3"))
"""How often a run is killed; `make soak` does it more often."""
PROVENANCE = {"batch_id", "raw_object", "first_object", "committed_at", "quarantined_at"}
"""Columns that tell which run did it, and when."""
ROWS_OF_WHOLE_TABLES = {
    "web_access": 60,
    "row_changes": 20,
    "events_hourly": 3,
    "paths_daily": 2,
    "sessions": 2,
    "current_rows": 10,
    "quarantine": 2,
    "ledger": 2,
}
"""Of the batch of `put_batch`: what each table holds, all of it or nothing."""


def put_batch(lake: GlueLake) -> list[RawObject]:
    """Two objects: 60 requests of two clients around midnight, each twice; changes; 2 bad rows."""
    times = [f"2015-05-17T23:{minute:02}:00" for minute in range(30, 60)]
    times += [f"2015-05-18T00:{minute:02}:00" for minute in range(30)]
    requests = [
        request_row(f"e{n}", event_time=at, client_address=f"203.0.113.{n % 2}")
        for n, at in enumerate(times)
    ]
    changes = [
        change_row(f"c{n}", event_time="2015-05-17T12:00:00", row_key=n % 10, position=n)
        for n in range(20)
    ]
    bad = request_row("bad", status=1)
    return [
        lake.put_object("a.parquet", [*requests, *changes[::2], bad]),
        lake.put_object("b.parquet", [*changes[1::2], *requests, bad]),
    ]


def contents(lake: GlueLake) -> dict[str, list[str]]:
    """Every table's rows but for their provenance."""
    found = {}
    for table in ROWS_OF_WHOLE_TABLES:
        rows = lake.read(table)
        assert rows is not None, table
        kept = rows.select([name for name in rows.column_names if name not in PROVENANCE])
        found[table] = sorted(json.dumps(row, default=str) for row in kept.to_pylist())
    return found


@contextmanager
def watched(lake: GlueLake) -> Iterator[list[str]]:
    """Reads all tables again and again; yields the partial ones that it has seen."""
    partial: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            for table, whole in ROWS_OF_WHOLE_TABLES.items():
                rows = lake.read(table)
                if rows is not None and rows.num_rows not in {0, whole}:
                    partial.append(f"{table}: {rows.num_rows} rows")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield partial
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="module")
def clean(
    local_aws: LocalAwsUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, list[str]], float]:
    """The tables of a run that nothing disturbed, and its seconds."""
    lake = GlueLake.create(local_aws, tmp_path_factory.mktemp("clean"))
    manifest = lake.put_manifest(*put_batch(lake))
    started = time.monotonic()
    with watched(lake) as partial:
        lake.run("curate", "--manifest", manifest)
    seconds = time.monotonic() - started
    assert partial == []
    found = contents(lake)
    assert {table: len(rows) for table, rows in found.items()} == ROWS_OF_WHOLE_TABLES
    return found, seconds


def test_killed_at_any_times_it_ends_as_if_it_never_was_and_shows_no_part(
    local_aws: LocalAwsUnderTest, tmp_path: Path, clean: tuple[dict[str, list[str]], float]
) -> None:
    expected, seconds = clean
    lake = GlueLake.create(local_aws, tmp_path)
    manifest = lake.put_manifest(*put_batch(lake))
    with watched(lake) as partial:
        for kill in range(KILLS):
            running = lake.start("curate", "--manifest", manifest)
            # A random time within each equal part; nothing is written while Spark starts.
            part = (kill + random.random()) / KILLS  # noqa: S311  any time will do
            time.sleep((0.3 + 0.7 * part) * seconds)
            running.kill()
        lake.run("curate", "--manifest", manifest)
    assert partial == []
    assert contents(lake) == expected


def test_overlapping_runs_of_one_batch_end_as_one(
    local_aws: LocalAwsUnderTest, tmp_path: Path, clean: tuple[dict[str, list[str]], float]
) -> None:
    expected, _ = clean
    lake = GlueLake.create(local_aws, tmp_path)
    manifest = lake.put_manifest(*put_batch(lake))
    with watched(lake) as partial:
        both = [lake.start("curate", "--manifest", manifest) for _ in range(2)]
        assert [job.process.wait(300) for job in both] == [0, 0], both[0].output + both[1].output
    assert partial == []
    assert contents(lake) == expected


def test_overlapping_batches_with_the_same_events_end_as_one_after_the_other(
    local_aws: LocalAwsUnderTest, tmp_path: Path, clean: tuple[dict[str, list[str]], float]
) -> None:
    expected, _ = clean
    lake = GlueLake.create(local_aws, tmp_path)
    manifests = [lake.put_manifest(raw) for raw in put_batch(lake)]
    both = [lake.start("curate", "--manifest", manifest) for manifest in manifests]
    assert [job.process.wait(300) for job in both] == [0, 0], both[0].output + both[1].output
    found = contents(lake)
    # Which object brought an event first depends on the order; the sums do not.
    assert found | {"ledger": []} == expected | {"ledger": []}
    ledger = lake.read("ledger")
    assert isinstance(ledger, pa.Table)
    sums = [pc.sum(ledger[name]).as_py() for name in ("read", "events", "duplicates")]
    assert sums == [142, 80, 60]
