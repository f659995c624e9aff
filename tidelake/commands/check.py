"""`tidelake check`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_environment, moment
from tidelake.commands.exits import EXIT_FAILED


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "check",
        _run,
        help="check that every event is accounted for",
        description="Compare, for every hour of raw objects, their rows with the ledger, the event "
        "tables and the quarantine, and the ids of a receipts file with the raw zone. Exits with 1 "
        "when something differs or waits, and names the place and the difference.",
    )
    parser.add_argument(
        "--receipts", type=Path, metavar="FILE", help="accepted event ids, one a line, of a run"
    )
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="only objects that arrived in its hour or later",
    )
    parser.add_argument(
        "--until", type=moment, metavar="TIME", help="only objects that arrived before its hour"
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 also for an hour that is unverified"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.lake.check_report import print_check
    from tidelake.lake.lake_check import check_lake
    from tidelake.lake.observed import Period
    from tidelake.local.deployed import deployed

    found = deployed(parsed.environment)
    period = Period.between(parsed.since, parsed.until)
    check = check_lake(found.files, found.tables, period, parsed.receipts)
    if parsed.json:
        sys.stdout.write(json.dumps(check.document(), indent=2) + "\n")
    else:
        print_check(Console(), check)
    failed = check.problems or (parsed.strict and check.is_unverified)
    return EXIT_FAILED if failed else 0
