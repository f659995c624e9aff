"""`tidelake send`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_source, add_stream
from tidelake.commands.exits import EXIT_FAILED


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "send",
        _run,
        help="send a file's events to the data stream",
        description="Parse a file into typed events and put them on the data stream. Lines that "
        "cannot be accepted go to the dead-letter file with their number and the reason.",
    )
    add_source(parser)
    parser.add_argument("--file", type=Path, required=True, metavar="FILE", help="plain or gzip")
    parser.add_argument(
        "--dead-letters",
        type=Path,
        default=Path("dead_letters.jsonl"),
        metavar="FILE",
        help="where rejected lines go (default: %(default)s)",
    )
    add_stream(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.send_command import send_file

    report = send_file(
        parsed.file,
        source=parsed.source,
        dead_letter_file=parsed.dead_letters,
        environment=parsed.environment,
        stream=parsed.stream,
        console=Console(stderr=True),
    )
    return EXIT_FAILED if report.undelivered else 0
