"""How people ask the lake: what a query may cost, who can read its result, and that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pytest

from spark_jobs.tables import TABLES
from stacks.constructs.lake_queries import saved_queries
from tests.infra.conftest import JsonObject, Synthesis
from tidelake.contract.lake import LEDGER_TABLE


def workgroup(synthesis: Synthesis) -> JsonObject:
    [group] = synthesis.resources("AWS::Athena::WorkGroup")
    return group


def test_workgroup_is_named_by_its_environment(synthesis: Synthesis) -> None:
    name = f"tidelake-{synthesis.environment}"
    assert workgroup(synthesis)["Properties"]["Name"] == name
    queries = synthesis.resources("AWS::Athena::NamedQuery")
    assert {query["Properties"]["WorkGroup"] for query in queries} == {name}


def test_results_are_encrypted_with_the_lake_key_whatever_a_client_asks(
    synthesis: Synthesis,
) -> None:
    settings = workgroup(synthesis)["Properties"]["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    result = settings["ResultConfiguration"]
    assert result["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert "Fn::GetAtt" in result["EncryptionConfiguration"]["KmsKey"]
    assert result["OutputLocation"]["Fn::Join"][1][-1] == "/query-results/"


def test_a_query_scans_ten_gibibytes_at_most(synthesis: Synthesis) -> None:
    settings = workgroup(synthesis)["Properties"]["WorkGroupConfiguration"]
    assert settings["BytesScannedCutoffPerQuery"] == 10_737_418_240


def test_workgroup_goes_with_its_stack_and_frees_its_name(synthesis: Synthesis) -> None:
    group = workgroup(synthesis)
    assert group["Properties"]["RecursiveDeleteOption"] is True
    assert group.get("DeletionPolicy", "Delete") == "Delete"


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty lake, in an engine of the same SQL, with the columns that the queries read."""
    tables = {
        "log_events": "source VARCHAR, event_type VARCHAR, year VARCHAR, month VARCHAR, "
        "day VARCHAR",
        **{table.name: table.ddl for table in TABLES},
    }
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA streaming_db")
        for name, columns in tables.items():
            connection.execute(f"CREATE TABLE streaming_db.{name} ({columns})")
        yield connection


@pytest.mark.parametrize(
    "name",
    [
        *("RawEventsToday", "RequestsByStatus", "QuarantinedEvents", "LatestBatches"),
        "UnreadableObjects",
    ],
)
def test_a_saved_query_runs(name: str, lake: duckdb.DuckDBPyConnection) -> None:
    _, text = saved_queries("streaming_db", "log_events")[name]
    assert lake.execute(text).fetchall() == []


def test_raw_events_of_today_leave_out_other_days(lake: duckdb.DuckDBPyConnection) -> None:
    today = datetime.now(UTC)
    for day in (("2020", "01", "02"), (f"{today:%Y}", f"{today:%m}", f"{today:%d}")):
        lake.execute(
            "INSERT INTO streaming_db.log_events VALUES ('web_log', 'request', ?, ?, ?)", day
        )
    _, text = saved_queries("streaming_db", "log_events")["RawEventsToday"]
    assert lake.execute(text).fetchall() == [("web_log", "request", 1)]


def test_the_latest_batches_add_up_their_objects(lake: duckdb.DuckDBPyConnection) -> None:
    ledger = lake.table(f"streaming_db.{LEDGER_TABLE}")
    hour, committed = "2026-01-01 09:00:00", "2026-01-01 10:00:00"
    ledger.insert(["b", "o1", hour, "read", None, 10, 7, 2, 1, committed])
    ledger.insert(["b", "o2", hour, "unreadable", "no Parquet", 0, 0, 0, 0, committed])
    _, text = saved_queries("streaming_db", "log_events")["LatestBatches"]
    [(batch, when, *counts)] = lake.execute(text).fetchall()
    assert (batch, str(when), counts) == ("b", committed, [2, 10, 7, 2, 1])
    _, text = saved_queries("streaming_db", "log_events")["UnreadableObjects"]
    assert [row[1:] for row in lake.execute(text).fetchall()] == [("o2", "no Parquet")]
