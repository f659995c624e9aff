"""The tables' columns, and how tables that exist get new ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from spark_jobs.tables import LEDGER, TABLES, Column
from spark_jobs.tables_docs import DOCUMENT, with_tables
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.errors import SchemaConflictError

COLUMNS_FILE = Path(__file__).with_name("columns.txt")


def test_no_column_that_a_table_ever_had_changes_or_goes() -> None:
    """`columns.txt` is what is out in lakes: it may grow, and no line of it may change."""
    declared = {
        f"{table.name} {column.name} {column.type}" for table in TABLES for column in table.columns
    }
    assert set(COLUMNS_FILE.read_text().splitlines()) - declared == set()


@pytest.mark.slow
def test_a_table_gets_the_columns_that_it_lacks_and_keeps_its_rows(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    grown = replace(LEDGER, columns=(*LEDGER.columns, Column("note", "string", "New.")))
    lake.tables.provide(grown)
    lake.tables.provide(grown)
    assert lake.rows("ledger", "read", "note") == [(1, None)]
    lake.curate(lake.put_object("b.parquet", [request_row("e2")]))
    assert lake.rows("ledger", "read", "note") == [(1, None), (1, None)]


@pytest.mark.slow
def test_a_column_of_another_type_is_refused(lake: LocalLake) -> None:
    lake.tables.provide(LEDGER)
    changed = replace(LEDGER, columns=(Column("read", "string", "Changed."),))
    with pytest.raises(SchemaConflictError, match="read of table ledger is of type 'bigint'"):
        lake.tables.provide(changed)


@pytest.mark.slow
def test_a_merge_reads_no_file_of_an_untouched_day(lake: LocalLake) -> None:
    lake.curate(lake.put_object("a.parquet", [request_row("e1")]))
    files = lake.spark.table(f"{lake.tables.name('web_access')}.files")
    (untouched,) = files.collect()
    Path(urlsplit(untouched["file_path"]).path).unlink()
    next_day = request_row("e2", event_time="2015-05-18T23:59:59")
    lake.curate(lake.put_object("b.parquet", [next_day]))
    assert lake.rows("ledger", "events") == [(1,), (1,)]


def test_the_documentation_lists_every_table_as_it_is() -> None:
    document = DOCUMENT.read_text()
    assert document == with_tables(document), "run `python -m spark_jobs.tables_docs`"
