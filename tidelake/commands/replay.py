"""`tidelake replay`."""

from __future__ import annotations

import argparse

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_stream, moment


def add(commands: Commands) -> None:
    """Declare the command and what it replays."""
    replay = commands.add_parser(
        "replay", help="put what was set aside back on the data stream: errors, quarantine"
    )
    kinds = replay.add_subparsers(required=True, metavar="WHAT")
    errors = add_command(
        kinds, "errors", _errors, help="the records of streaming-errors/ that Firehose set aside"
    )
    quarantine = add_command(
        kinds, "quarantine", _quarantine, help="the rows that the Spark job set aside"
    )
    for parser in (errors, quarantine):
        parser.add_argument(
            "--repair",
            metavar="MODULE:FUNCTION",
            help="called with the bytes of each record; returns the event, or None to leave it",
        )
        parser.add_argument(
            "--since", type=moment, metavar="TIME", help="only what was set aside in or after it"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="send nothing, and say what would be sent"
        )
        add_stream(parser)


def _errors(parsed: argparse.Namespace) -> int:
    return _replay(parsed, quarantine=False)


def _quarantine(parsed: argparse.Namespace) -> int:
    return _replay(parsed, quarantine=True)


def _replay(parsed: argparse.Namespace, *, quarantine: bool) -> int:
    from tidelake.operations.replay import ReplayOptions, replay_set_aside

    options = ReplayOptions(
        quarantine=quarantine,
        environment=parsed.environment,
        stream=parsed.stream,
        repair=parsed.repair,
        since=parsed.since,
        dry_run=parsed.dry_run,
    )
    replay_set_aside(options, Console())
    return 0
