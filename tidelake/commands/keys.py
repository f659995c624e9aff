"""`tidelake keys`."""

from __future__ import annotations

import argparse

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, positive
from tidelake.commands.input_arguments import add_input, source_options


def add(commands: Commands) -> None:
    """Declare the command."""
    keys = commands.add_parser("keys", help="partition keys: how they spread over shards")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    simulate = add_command(
        actions,
        "simulate",
        _simulate,
        help="show how a file's events would spread over the shards of a stream",
        description="Work out, without sending, which shard each event of a file would go to, and "
        "show shards, skew and the hottest keys before one of them becomes a hot shard.",
    )
    add_input(simulate)
    simulate.add_argument(
        "--shards", type=positive, required=True, metavar="N", help="shards of the stream"
    )


def _simulate(parsed: argparse.Namespace) -> int:
    from tidelake.operations.keys import show_histogram

    show_histogram(
        tuple(parsed.file),
        source=parsed.source,
        source_options=source_options(parsed),
        shards=parsed.shards,
        console=Console(),
    )
    return 0
