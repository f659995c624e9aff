"""`tidelake backfill`."""

from __future__ import annotations

import argparse
from datetime import date

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_environment


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "backfill",
        _run,
        help="take the raw objects of a period to the tables again",
        description="Submit a Spark step that takes the raw objects that arrived in a period to "
        "the tables, and wait until it ends. What the ledger has as read is left out, and nothing "
        "is taken twice.",
    )
    parser.add_argument(
        "--from",
        dest="first",
        type=date.fromisoformat,
        required=True,
        metavar="DAY",
        help="the first day of arrival, UTC, such as 2026-11-22",
    )
    parser.add_argument(
        "--to",
        dest="end",
        type=date.fromisoformat,
        required=True,
        metavar="DAY",
        help="the day after the last one",
    )
    parser.add_argument("--again", action="store_true", help="also what the ledger has as read")
    parser.add_argument(
        "--cluster",
        metavar="ID",
        help="where it runs (default: the environment's persistent cluster)",
    )
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.deployed import deployed
    from tidelake.operations.backfill import Period, backfill

    period = Period(first=parsed.first, end=parsed.end)
    found = deployed(parsed.environment)
    backfill(
        found.client("emr"),
        found.outputs,
        Console(),
        period,
        cluster_id=parsed.cluster,
        again=parsed.again,
    )
    return 0
