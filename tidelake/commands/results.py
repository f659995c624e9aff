"""`tidelake results`."""

from __future__ import annotations

import argparse

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_environment, moment, positive


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "results",
        _run,
        help="show what the curated tables say",
        description="Read the curated tables, without Spark: without an option as pictures, source "
        "by source; a table's latest rows; or the answer to one SELECT over any of the tables.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--table", metavar="T", help="the latest rows of one table")
    what.add_argument(
        "--sql",
        metavar="SELECT",
        help="one SELECT, in DuckDB's SQL, over the tables; times are UTC",
    )
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="only what happened in or after it"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        default=20,
        metavar="N",
        help="at most N rows of a table (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.operations.results import ResultsOptions, show_results

    options = ResultsOptions(
        environment=parsed.environment,
        table=parsed.table,
        sql=parsed.sql,
        since=parsed.since,
        limit=parsed.limit,
        as_json=parsed.json,
    )
    show_results(options, Console())
    return 0
