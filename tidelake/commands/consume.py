"""`tidelake consume`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_start, add_stream, positive


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "consume",
        _run,
        help="read the data stream as one worker of an application, with checkpoints",
        description="Write the events of the data stream to standard output, one JSON object a "
        "line, at least once and in order of each key. Workers of one application share its shards "
        "and take over from one that dies; a later run goes on where the application stopped.",
    )
    parser.add_argument(
        "--application", required=True, metavar="NAME", help="whose progress this is"
    )
    parser.add_argument(
        "--checkpoint-file",
        type=Path,
        metavar="FILE",
        help="keep the progress in a file, for a single worker, instead of a table",
    )
    parser.add_argument(
        "--table",
        default="tidelake-leases",
        metavar="NAME",
        help="DynamoDB table of the progress, made if it is missing (default: %(default)s)",
    )
    parser.add_argument(
        "--lease-seconds",
        type=positive,
        default=10,
        metavar="S",
        help="silence after which a worker counts as dead (default: %(default)s)",
    )
    parser.add_argument(
        "--fan-out",
        metavar="NAME",
        help="read as this registered consumer, made if it is missing, with 2 MB/s of its own",
    )
    parser.add_argument(
        "--dead-letters",
        type=Path,
        default=Path("consumer_dead_letters.jsonl"),
        metavar="FILE",
        help="where records that hold no event go (default: %(default)s)",
    )
    add_start(parser)
    parser.add_argument("--until-tip", action="store_true", help="stop when all was read")
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after N records")
    add_stream(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.client.transport import TRIM_HORIZON
    from tidelake.local.target import open_target
    from tidelake.operations.consume import ConsumeRequest, consume

    request = ConsumeRequest(
        application=parsed.application,
        stream=parsed.stream,
        start=TRIM_HORIZON if parsed.start is None else parsed.start,
        checkpoint_file=parsed.checkpoint_file,
        table=parsed.table,
        lease_seconds=parsed.lease_seconds,
        fan_out=parsed.fan_out,
        dead_letter_file=parsed.dead_letters,
        limit=parsed.limit,
        until_tip=parsed.until_tip,
    )
    consume(open_target(parsed.environment), request, Console(stderr=True))
    return 0
