"""`tidelake send`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_stream
from tidelake.commands.exits import EXIT_FAILED
from tidelake.commands.input_arguments import add_input, source_options
from tidelake.commands.producer_arguments import add_producer_options, producer_options


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "send",
        _run,
        help="send the events of files, or of what comes, to the data stream",
        description="Parse lines into typed events and put them on the data stream. Lines that "
        "cannot be accepted go to the dead-letter file with their number and the reason.",
    )
    add_input(parser)
    parser.add_argument(
        "--follow",
        action="store_true",
        help="go on with what is written to the files, through rotations, until Ctrl-C or SIGTERM",
    )
    parser.add_argument(
        "--replay",
        action="store_true",
        help="the files are dead letters: send their events again; --source is theirs",
    )
    parser.add_argument(
        "--positions",
        type=Path,
        default=Path(".tidelake/positions.json"),
        metavar="FILE",
        help="with --follow: how far each file was sent, for the next run (default: %(default)s)",
    )
    parser.add_argument(
        "--dead-letters",
        type=Path,
        default=Path("dead_letters.jsonl"),
        metavar="FILE",
        help="where rejected lines go (default: %(default)s)",
    )
    add_producer_options(parser)
    add_stream(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.operations.send import SendOptions, send_inputs

    options = SendOptions(
        source=parsed.source,
        inputs=tuple(parsed.file),
        source_options=source_options(parsed),
        dead_letter_file=parsed.dead_letters,
        environment=parsed.environment,
        stream=parsed.stream,
        follow=parsed.follow,
        replay=parsed.replay,
        positions=parsed.positions,
        producer=producer_options(parsed),
        transport=parsed.transport,
    )
    report = send_inputs(options, Console(stderr=True))
    return EXIT_FAILED if report.undelivered else 0
