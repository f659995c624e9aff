"""What `tidelake results` does: the pictures, the rows of a table, or the answer to a query."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidelake.contract.errors import ConfigurationError
from tidelake.lake.printable import printable
from tidelake.lake.results import read_results
from tidelake.lake.results_report import print_results
from tidelake.lake.sql import latest_rows, query
from tidelake.lake.tables import CuratedTables
from tidelake.local.deployed import deployed


@dataclass(frozen=True, kw_only=True)
class ResultsOptions:
    """What is asked for: a table's latest rows, a query's, or else the pictures."""

    environment: str
    table: str | None
    sql: str | None
    since: datetime | None
    limit: int
    as_json: bool


def show_results(options: ResultsOptions, console: Console) -> None:
    """Read the environment's tables and print what is asked for.

    Raises ConfigurationError for a query with a `since`, which it would not heed.
    """
    if options.sql is not None and options.since is not None:
        allowed = "none with --sql, which says itself which times it wants"
        raise ConfigurationError("--since", options.since.isoformat(), allowed)
    tables = deployed(options.environment).tables
    if options.sql is None and options.table is None:
        results = read_results(tables, options.since)
        if options.as_json:
            _write(asdict(results))
        else:
            print_results(console, results)
        return
    rows = _rows(tables, options)
    if options.as_json:
        _write(rows.to_pylist())
    else:
        print_rows(console, rows)


def _rows(tables: CuratedTables, options: ResultsOptions) -> pa.Table:
    if options.sql is not None:
        return query(tables, options.sql)
    assert options.table is not None  # noqa: S101 - narrows the type
    return latest_rows(tables, options.table, options.since, options.limit)


def print_rows(console: Console, rows: pa.Table) -> None:
    """Print rows as a table, or one under the other where their columns do not fit."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in rows.schema:
        numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        shown.add_column(
            escape(printable(column.name)),
            justify="right" if numeric or pa.types.is_decimal(column.type) else "left",
        )
    for row in rows.to_pylist():
        shown.add_row(*(escape(printable(_text(value))) for value in row.values()))
    unbounded = console.options.update(max_width=sys.maxsize)
    if console.measure(shown, options=unbounded).maximum <= console.width:
        console.print(shown)
    else:
        _print_each(console, rows)
    console.print(f"{rows.num_rows:,} rows", highlight=False)


def _print_each(console: Console, rows: pa.Table) -> None:
    """A line a value; those that a row lacks are left out."""
    width = max(len(name) for name in rows.column_names)
    for number, row in enumerate(rows.to_pylist(), start=1):
        console.rule(f"row {number:,}", align="left")
        for name, value in row.items():
            if value is not None:
                line = f"{name:<{width}}  {printable(_text(value))}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    plain = value if isinstance(value, int) else _plain(value)
    if isinstance(plain, int) and not isinstance(plain, bool):
        return f"{plain:,}"
    return str(plain)


def _write(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=_plain, ensure_ascii=False) + "\n")


def _plain(value: object) -> object:
    """A value that JSON lacks, in JSON's: times in ISO 8601 and UTC, whole decimals as numbers."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return f"{moment.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if isinstance(value, str | float | bool) else str(value)
