"""SQL over the curated tables: an engine beside them, which reads nothing else and changes nothing.

What a query names is copied, in a stream, into a temporary DuckDB database on the disk, so that a
table may be larger than the memory; then the engine is cut off from files and network.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.lake.tables import CuratedTables

TIME_COLUMNS = ("event_time", "hour", "started_at", "day", "committed_at", "quarantined_at")
"""What a row's time is called."""


@dataclass(frozen=True)
class Part:
    """What of a table is copied: some columns, of rows that hold `where`, in pyiceberg's words."""

    columns: tuple[str, ...] = ("*",)
    where: str = "true"


def query(tables: CuratedTables, sql: str) -> pa.Table:
    """The rows that one SELECT finds.

    Tables are named alone or with their database, as for Athena; times are UTC. Raises InputError
    for anything but a single SELECT, and for one that DuckDB refuses or that names a table that is
    not there.
    """
    _require_one_select(sql)
    words = set(re.findall(r"\w+", sql.lower()))
    named = {name: Part() for name in tables.names() if name.lower() in words}
    with copied(tables, named) as engine:
        engine.execute("SET enable_external_access = false; SET lock_configuration = true")
        try:
            return engine.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise InputError(_why(tables, error)) from error


def latest_rows(tables: CuratedTables, table: str, since: datetime | None, limit: int) -> pa.Table:
    """The latest rows of a table, the newest first, by the first of its columns in TIME_COLUMNS.

    Raises ConfigurationError for a table that is not there, and where `since` is given for one
    without a time.
    """
    columns = tables.columns(table)
    time = next((name for name in TIME_COLUMNS if name in columns), None)
    where = "true"
    if since is not None:
        if time is None:
            raise ConfigurationError("--since", since.isoformat(), f"nothing: {table} has no time")
        bound = since.date().isoformat() if columns[time] == "date" else since.isoformat()
        where = f"{time} >= '{bound}'"
    with copied(tables, {table: Part(where=where)}) as engine:
        rows = engine.table(table)
        ordered = rows if time is None else rows.order(f"{time} DESC")
        return ordered.limit(limit).to_arrow_table()


@contextmanager
def copied(tables: CuratedTables, parts: Mapping[str, Part]) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with copies of parts of some tables, for the length of the block.

    They lie in a schema that is named as the database, and is the current one.
    """
    with tempfile.TemporaryDirectory(prefix="tidelake-sql-") as folder:
        engine = duckdb.connect(Path(folder) / "copy.duckdb")
        try:
            # Without the second, a name that is no table could mean a variable of this program.
            engine.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false")
            engine.execute(f"CREATE SCHEMA {_quoted(tables.database)}")
            engine.execute(f"USE {_quoted(tables.database)}")
            for name, part in parts.items():
                engine.register("arriving", tables.read(name, part.columns, part.where))
                engine.execute(f"CREATE TABLE {_quoted(name)} AS FROM arriving")
                engine.unregister("arriving")
            yield engine
        finally:
            engine.close()


def rows_of(table: duckdb.DuckDBPyRelation, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query of one table, which it names `copy`; times as datetimes in UTC."""
    found = table.query("copy", sql)
    assert found is not None  # noqa: S101 - narrows the type: a SELECT has rows
    columns = (column.to_pylist() for column in found.to_arrow_table().columns)
    return list(zip(*columns, strict=True))


def _require_one_select(sql: str) -> None:
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise InputError(f"--sql: {_first_line(error)}") from error
    if kinds != [duckdb.StatementType.SELECT]:
        found = ", ".join(kind.name for kind in kinds) if kinds else "nothing"
        raise InputError(f"--sql is {found}; allowed: one SELECT")


def _why(tables: CuratedTables, error: duckdb.Error) -> str:
    known = ""
    if isinstance(error, duckdb.CatalogException):
        known = f"; the tables are {', '.join(tables.names())}"
    return f"--sql: {_first_line(error)}{known}"


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
