"""A table that cannot be maintained leaves the others to be; no Spark runs here."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import Row

from spark_jobs.maintain import Limits, maintain
from tests.spark_jobs.java_fakes import SparkError
from tidelake.contract.errors import PipelineError

LIMITS = Limits(target_file_mib=128, snapshot_days=7, orphan_hours=24)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONFLICT = "org.apache.iceberg.exceptions.CommitFailedException"


class Rows:
    """What a statement answers with."""

    def __init__(self, *rows: Row) -> None:
        self._rows = rows

    def select(self, *_: str) -> Rows:
        return self

    def collect(self) -> list[Row]:
        return list(self._rows)


class Session:
    """Two tables; the compaction of one fails so often with an error."""

    def __init__(self, error: Exception, failures: int) -> None:
        self.compacted: Counter[str] = Counter()
        self._error = error
        self._failures = failures

    def sql(self, text: str) -> Rows:
        if text.startswith("SHOW TABLES"):
            return Rows(Row(tableName="bad"), Row(tableName="web_access"))
        if "rewrite_data_files" in text:
            name = "bad" if "'db.bad'" in text else "web_access"
            self.compacted[name] += 1
            if name == "bad" and self.compacted[name] <= self._failures:
                raise self._error
        return Rows(Row(rewritten_data_files_count=2, added_data_files_count=1))

    def table(self, _name: str) -> Rows:
        return Rows()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_jobs.retries.time.sleep", lambda _: None)


def run(session: Any) -> list[str]:
    return [done.table for done in maintain(session, "db", LIMITS, NOW)]


def test_compaction_that_a_merge_came_before_is_tried_again() -> None:
    session = Session(SparkError(CONFLICT), failures=3)
    assert run(session) == ["bad", "web_access"]
    assert session.compacted == {"web_access": 1, "bad": 4}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (SparkError(CONFLICT), "bad: other commits came first each time"),
        (SparkError("java.lang.IllegalStateException", message="lost\nat x"), "bad: lost"),
    ],
    ids=["conflict", "other"],
)
def test_table_that_fails_leaves_the_others_to_be_maintained(
    error: Exception, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(error, failures=1_000)
    with pytest.raises(PipelineError, match=f"^{why}; the next run takes them up$"):
        run(session)
    lines = [json.loads(line)["table"] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["web_access"]
