"""A mixed run with known faults, kept up: it balances, reads and replays to the event."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stacks.constructs.lake_queries import saved_queries
from tests.e2e.conftest import PROJECT_DIR, Shell, copy_project
from tests.e2e.independent_aggregates import (
    CURRENT_ROWS,
    DEVICES,
    EXACT,
    HOURLY,
    PATHS,
    SESSIONS,
    independent,
)
from tests.e2e.test_readme import commands_in
from tests.spark_jobs.rows import RAW_SCHEMA, request_row
from tidelake.contract.batch_items import BatchState
from tidelake.contract.deployment import Output
from tidelake.contract.lake import raw_hour_prefix
from tidelake.lake.sql import query
from tidelake.local.deployed import Deployed, deployed_locally
from tidelake.local.lifecycle import local_status
from tidelake.operations.batches import batches_document, batches_in

pytestmark = pytest.mark.slow

MIX = "web_log=5,sensor=3,change_data=2,app_event=4"
EVENTS = 20_000
SETTLE_LIMIT_SECONDS = 240
TIDELAKE = ".venv/bin/tidelake"

DOCUMENT = (PROJECT_DIR / "docs/results.md").read_text()
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MENDING = PYTHON_BLOCK.findall(DOCUMENT)[0]
"""Mends what fails the conversion, and of what breaks the contract the web requests alone."""
COMMANDS = commands_in(PYTHON_BLOCK.sub("", DOCUMENT))


@dataclass(frozen=True)
class KeptRun:
    """The project that the run was made in, its summary, and what it left running."""

    shell: Shell
    out: Path
    lake: Deployed

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.out / "summary.json").read_text())
        return summary

    def made(self, kind: str) -> int:
        """How many lines of a kind the simulation made."""
        return sum(truth[kind] for truth in self.summary["truth"].values())

    def tidelake(self, *arguments: str) -> str:
        run = self.shell.run(TIDELAKE, *arguments)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the curated tables; times in UTC without a zone, as DuckDB has the raw ones."""
        found = query(self.lake.tables, sql).to_pylist()
        return [tuple(_naive(value) for value in row.values()) for row in found]

    def settled(self) -> str:
        """The check's output once nothing waits any more."""
        deadline = time.monotonic() + SETTLE_LIMIT_SECONDS
        while (run := self.shell.run(TIDELAKE, "check")).returncode:
            assert time.monotonic() < deadline, run.stdout + run.stderr
            time.sleep(5)
        return run.stdout


def _naive(value: object) -> object:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptRun]:
    folder = tmp_path_factory.mktemp("mixed")
    shell, out = copy_project(folder / "project"), folder / "out"
    make = ("make", "demo", f"MIX={MIX}", f"EVENTS={EVENTS}", f"OUT={out}", "KEEP=1")
    run = shell.run(*make)
    try:
        assert run.returncode == 0, run.stdout + run.stderr
        endpoint = local_status(shell.project_dir / ".tidelake").endpoint
        assert endpoint is not None
        yield KeptRun(shell, out, deployed_locally(endpoint))
    finally:
        shell.run(TIDELAKE, "local", "down")
    assert shell.processes_left(folder) == []


@pytest.fixture(scope="module")
def raw(kept: KeptRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the raw objects, before anything is replayed."""
    folder = tmp_path_factory.mktemp("raw")
    for number, key in enumerate(kept.lake.files.sizes("streaming-data/")):
        (folder / f"{number}.parquet").write_bytes(kept.lake.files.read(key))
    return folder


def test_what_was_made_is_what_arrived(kept: KeptRun) -> None:
    summary = kept.summary

    assert summary["input"]["lines"] == EVENTS
    assert summary["input"]["rejected"] == kept.made("refused")
    assert summary["raw"]["conversion_failed"] == kept.made("unconvertible")
    assert summary["curated"] == {
        "events": kept.made("good") + kept.made("late"),
        "duplicates": kept.made("duplicates"),
        "quarantined": kept.made("breaking"),
        "unreadable": 0,
    }
    assert summary["differences"] == []


def test_the_check_balances_with_the_receipts_of_the_run(kept: KeptRun) -> None:
    check = json.loads(
        kept.tidelake("check", "--json", "--receipts", str(kept.out / "receipts.txt"))
    )

    assert check["balanced"]
    assert check["receipts"]["accepted"] == kept.summary["stream"]["events"]
    assert check["receipts"]["failed"] == kept.made("unconvertible")
    assert check["receipts"]["missing"] == 0


def test_hourly_counts_are_those_of_the_raw_parquet(kept: KeptRun, raw: Path) -> None:
    found = kept.rows(
        "SELECT hour, source, event_type, status, events, actors, total, p50, p95 "
        "FROM events_hourly ORDER BY ALL"
    )
    expected = independent(raw, HOURLY)

    assert [row[:EXACT] for row in found] == [row[:EXACT] for row in expected]
    for row, other in zip(found, expected, strict=True):
        for estimate, exact in zip(row[EXACT:], other[EXACT:], strict=True):
            # One of a few is more than 2 %.
            near = None if exact is None else pytest.approx(exact, rel=0.02, abs=1)
            assert estimate == near, (row, other)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("FROM paths_daily ORDER BY day, source, path", PATHS),
        (
            "SELECT day, device_id, sensor_type, unit, readings, suspect, round(mean, 6) AS mean "
            "FROM devices_daily ORDER BY ALL",
            DEVICES,
        ),
        (
            "SELECT source, count(*) AS sessions, CAST(sum(events) AS BIGINT) AS events "
            "FROM sessions GROUP BY ALL ORDER BY ALL",
            SESSIONS,
        ),
        ("SELECT table_name, row_key, is_deleted FROM current_rows ORDER BY ALL", CURRENT_ROWS),
    ],
)
def test_other_aggregates_are_exactly_those_of_the_raw_parquet(
    kept: KeptRun, raw: Path, sql: str, expected: str
) -> None:
    assert kept.rows(sql) == independent(raw, expected)


def test_saved_queries_answer_on_the_local_athena(kept: KeptRun) -> None:
    outputs = kept.lake.outputs
    queries = saved_queries(outputs[Output.DATABASE], outputs[Output.RAW_TABLE])
    answers = {name: athena(kept, text) for name, (_, text) in queries.items()}

    raw_events = sum(int(row[2]) for row in answers["RawEventsToday"])
    quarantined = sum(int(row[1]) for row in answers["QuarantinedEvents"])
    latest = answers["LatestBatches"]
    assert raw_events == kept.summary["raw"]["events"]
    assert quarantined == kept.made("breaking")
    assert sum(int(row[3]) for row in latest) == kept.summary["raw"]["events"]
    assert sum(int(row[4]) for row in latest) == kept.summary["curated"]["events"]
    assert answers["RequestsByStatus"]
    assert answers["UnreadableObjects"] == []


def athena(kept: KeptRun, sql: str) -> list[list[str]]:
    client = kept.lake.client("athena")
    bucket = kept.lake.outputs[Output.LAKE_BUCKET]
    query_id = client.start_query_execution(
        QueryString=sql,
        ResultConfiguration={"OutputLocation": f"s3://{bucket}/query-results/"},
    )["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.2)
    assert status["State"] == "SUCCEEDED", status
    rows = client.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in rows[1:]]


def test_results_are_shown_as_pictures_rows_and_answers(kept: KeptRun) -> None:
    assert "Events by hour" in kept.tidelake("results")
    assert "1 rows" in kept.tidelake("results", "--table", "web_access", "--limit", "1")
    answer = kept.tidelake("results", "--json", "--sql", "SELECT count(*) AS n FROM quarantine")
    assert json.loads(answer) == [{"n": kept.made("breaking")}]


def test_replaying_adds_what_was_repaired_once(kept: KeptRun) -> None:
    (kept.shell.project_dir / "mending.py").write_text(MENDING)
    repair = ("--repair", "mending:mend")
    failed, broken = kept.made("unconvertible"), kept.made("breaking")
    requests = kept.summary["truth"]["web_log"]["breaking"]

    kept.tidelake("replay", "errors", *repair, "--dry-run")
    first = kept.tidelake("replay", "errors", *repair)
    second = kept.tidelake("replay", "errors", *repair)
    rows = kept.tidelake("replay", "quarantine", *repair)
    balanced = kept.settled()

    assert f"{failed:,} replayed, 0 replayed before, 0 left" in first
    assert f"0 replayed, {failed:,} replayed before, 0 left" in second
    assert f"{requests:,} replayed, 0 replayed before, {broken - requests:,} left" in rows
    assert f"not replayed: 0 conversion failures, {broken - requests:,} quarantined rows" in (
        balanced
    )
    curated = "SELECT sum(events) FROM events_hourly"
    events = kept.summary["curated"]["events"] + failed + requests
    assert kept.rows(curated) == [(events,)]


def test_redrive_gives_the_trigger_its_dead_letters_again(kept: KeptRun) -> None:
    sqs = kept.lake.client("sqs")
    sqs.send_message(
        QueueUrl=kept.lake.outputs[Output.TRIGGER_DEAD_LETTERS], MessageBody='{"Event":"none"}'
    )

    assert "1 of 1 messages" in kept.tidelake("redrive")


def test_the_commands_of_the_document_work_in_their_order(kept: KeptRun) -> None:
    make, *commands = COMMANDS

    assert make.startswith(f"make demo MIX={MIX} EVENTS={EVENTS} ")
    for command in commands:
        line = command.replace("build/demo", str(kept.out))
        run = kept.shell.run("bash", "-c", line)
        assert run.returncode == 0, f"{line}\n{run.stdout}\n{run.stderr}"


def put_requests(kept: KeptRun, bucket: str, key: str, *event_ids: str) -> None:
    """Put a raw object with one request an id."""
    content = io.BytesIO()
    rows = [request_row(event_id) for event_id in event_ids]
    table = pa.Table.from_pylist(rows, schema=RAW_SCHEMA)
    pq.write_table(table, content, use_deprecated_int96_timestamps=True)
    kept.lake.client("s3").put_object(Bucket=bucket, Key=key, Body=content.getvalue())


def sums(kept: KeptRun) -> list[tuple[Any, ...]]:
    return kept.rows(
        "SELECT (SELECT count(*) FROM web_access), (SELECT sum(events) FROM events_hourly), "
        "(SELECT count(*) FROM sessions), (SELECT count(*) FROM ledger), "
        "(SELECT count(*) FROM quarantine)"
    )


def test_backfilling_what_is_in_the_tables_changes_nothing(kept: KeptRun) -> None:
    before = sums(kept)
    today = datetime.now(UTC).date()

    said = kept.tidelake(
        *("backfill", "--from", str(today - timedelta(days=1))),
        *("--to", str(today + timedelta(days=1))),
    )

    assert "objects in the ledger: " in said
    assert sums(kept) == before


def test_old_files_of_another_bucket_are_in_the_tables_once(kept: KeptRun) -> None:
    kept.lake.client("s3").create_bucket(Bucket="old-files")
    put_requests(kept, "old-files", "2019/a.parquet", "old-1", "old-2", "old-2")
    put_requests(kept, "old-files", "2019/05/b.parquet", "old-2", "old-3")
    for _ in range(2):
        said = kept.tidelake("backfill", "--raw", "s3://old-files/2019")
        assert "2 objects in the ledger: 5 rows = 3 events + 2 duplicates + 0 quarantined" in said
    kept.tidelake("check")
    found = "SELECT event_id FROM web_access WHERE event_id LIKE 'old-%' ORDER BY ALL"
    assert kept.rows(found) == [("old-1",), ("old-2",), ("old-3",)]


def test_a_batch_that_was_set_aside_is_tried_again_when_its_cause_is_mended(kept: KeptRun) -> None:
    s3, outputs = kept.lake.client("s3"), kept.lake.outputs
    bucket, _, job = outputs[Output.JOB_URL].removeprefix("s3://").partition("/")
    whole = s3.get_object(Bucket=bucket, Key=job)["Body"].read()
    s3.put_object(Bucket=bucket, Key=job, Body=b"raise SystemExit('the planted failure')\n")
    try:
        folder = raw_hour_prefix(datetime.now(UTC))
        for name in ("a", "b"):
            key = f"{folder}failing-{name}.parquet"
            put_requests(kept, outputs[Output.LAKE_BUCKET], key, f"failing-{name}")
        halves = batches(kept, "set_aside", 2)
        [batch] = batches(kept, "split", 1)
    finally:
        s3.put_object(Bucket=bucket, Key=job, Body=whole)

    assert (batch["attempt"], batch["objects"]) == (3, 2)
    assert [(half["attempt"], half["objects"]) for half in halves] == [(1, 1), (1, 1)]
    assert all(half["reason"].startswith("FAILED Unknown Error.") for half in halves)
    for half in halves:
        kept.tidelake("batches", "--retry", half["batch_id"][:8])
    kept.settled()
    assert kept.tidelake("batches") == "no batch is set aside\n"
    found = "SELECT event_id FROM web_access WHERE event_id LIKE 'failing-%' ORDER BY ALL"
    assert kept.rows(found) == [("failing-a",), ("failing-b",)]


def batches(kept: KeptRun, state: str, count: int) -> list[dict[str, Any]]:
    """The batches in a state, once there are so many."""
    deadline = time.monotonic() + SETTLE_LIMIT_SECONDS
    while True:
        found = batches_document(
            batches_in(BatchState(state), kept.lake.client("dynamodb"), kept.lake.outputs)
        )
        if len(found) == count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
