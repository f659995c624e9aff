"""`tidelake redrive`."""

from __future__ import annotations

import argparse

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_environment, positive


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "redrive",
        _run,
        help="give the trigger its dead letters again",
        description="Move the messages of the trigger's dead-letter queue back to its queue, and "
        "wait until all are moved. What is in the tables already is not taken twice.",
    )
    parser.add_argument(
        "--per-second",
        type=positive,
        metavar="N",
        help="at most N messages a second, up to 500 (default: as fast as SQS likes)",
    )
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.deployed import deployed
    from tidelake.operations.redrive import redrive

    found = deployed(parsed.environment)
    redrive(found.client("sqs"), found.outputs, Console(), per_second=parsed.per_second)
    return 0
