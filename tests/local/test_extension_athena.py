"""Athena of the real local AWS answers with the current rows of an Iceberg table, and no others."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table import FileScanTask

from tests.conftest import LocalAwsUnderTest
from tests.lake.a_lake import TIME
from tidelake.local.deployed import local_access

TEN = datetime(2015, 5, 17, 10, tzinfo=UTC)


class Lake:
    """A database of its own in the local AWS, written by pyiceberg and read by Athena."""

    def __init__(self, local_aws: LocalAwsUnderTest) -> None:
        self.database = f"athena_{uuid.uuid4().hex[:8]}"
        self.bucket = self.database.replace("_", "-")
        self.athena = local_aws.client("athena")
        local_aws.client("s3").create_bucket(Bucket=self.bucket)
        properties = local_access(local_aws.endpoint).iceberg_properties()
        self.catalog = GlueCatalog("lake", client=local_aws.client("glue"), **properties)
        self.catalog.create_namespace(
            self.database, {"location": f"s3://{self.bucket}/{self.database}"}
        )

    def create(self, table: str, rows: pa.Table) -> Any:
        created = self.catalog.create_table((self.database, table), rows.schema)
        created.append(rows)
        return created

    def ask(self, sql: str) -> list[list[str | None]]:
        """The rows of the answer, as Athena gives them: text."""
        query = self.athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self.database},
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/answers/"},
        )["QueryExecutionId"]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            execution = self.athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.1)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        found = self.athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found[1:]]


@pytest.fixture
def lake(local_aws: LocalAwsUnderTest) -> Lake:
    return Lake(local_aws)


def hourly(*requests: int) -> pa.Table:
    return pa.table(
        {
            "hour": pa.array([TEN] * len(requests), TIME),
            "status": pa.array(["200"] * len(requests)),
            "requests": pa.array(requests, pa.int64()),
        }
    )


@pytest.mark.slow
def test_rows_that_were_replaced_or_deleted_are_not_read(lake: Lake) -> None:
    table = lake.create("hourly", hourly(1, 2))
    table.overwrite(hourly(3, 4, 5))
    table.delete("requests = 4")

    assert lake.ask("SELECT requests FROM hourly ORDER BY requests") == [["3"], ["5"]]


@pytest.mark.slow
def test_times_are_utc_and_keep_their_type(lake: Lake) -> None:
    lake.create("hourly", hourly(1))

    assert lake.ask("SELECT hour FROM hourly WHERE hour > timestamp '2015-05-17 09:59:00'") == [
        ["2015-05-17 10:00:00"]
    ]


@pytest.mark.slow
def test_a_column_that_was_added_is_null_in_older_rows(lake: Lake) -> None:
    table = lake.create("hourly", hourly(1))
    with table.update_schema() as update:
        update.union_by_name(pa.schema({"actors": pa.int64()}))

    assert lake.ask("SELECT requests, actors FROM hourly") == [["1", None]]


@pytest.mark.slow
def test_a_table_without_rows_answers_with_none(lake: Lake) -> None:
    lake.create("hourly", hourly(1)).delete("requests = 1")

    assert lake.ask("SELECT * FROM hourly") == []


def test_rows_that_a_delete_file_names_are_left_out(tmp_path: Path) -> None:
    # The module needs MiniStack, whose import takes a moment.
    from tidelake.local.extension.athena import current_rows

    origin = "s3://lake/processed-data/hourly/"
    pq.write_table(pa.table({"n": [10, 11, 12]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"n": [20, 21]}), tmp_path / "b.parquet")
    deletes = {"file_path": [f"{origin}a.parquet", f"{origin}b.parquet"], "pos": [1, 0]}
    pq.write_table(pa.table(deletes), tmp_path / "deletes.parquet")
    deleted = data_file(f"{origin}deletes.parquet", DataFileContent.POSITION_DELETES)
    tasks = [
        FileScanTask(data_file(f"{origin}{name}", DataFileContent.DATA), delete_files={deleted})
        for name in ("a.parquet", "b.parquet")
    ]

    sql = current_rows(tasks, origin, f"{tmp_path}/")

    assert sorted(row[0] for row in duckdb.execute(sql).fetchall()) == [10, 12, 21]


def test_a_table_with_deletes_by_value_is_refused(tmp_path: Path) -> None:
    from tidelake.local.extension.athena import current_rows

    deleted = data_file("s3://lake/t/d.parquet", DataFileContent.EQUALITY_DELETES)
    data = data_file("s3://lake/t/a.parquet", DataFileContent.DATA)
    task = FileScanTask(data, delete_files={deleted})

    with pytest.raises(ValueError, match="NOT_SUPPORTED"):
        current_rows([task], "s3://lake/t/", f"{tmp_path}/")


def data_file(path: str, content: DataFileContent) -> DataFile:
    return DataFile.from_args(
        content=content,
        file_path=path,
        file_format=FileFormat.PARQUET,
        record_count=1,
        file_size_in_bytes=1,
    )
