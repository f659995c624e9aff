"""`tidelake tail`."""

from __future__ import annotations

import argparse
import json
import sys

from tidelake.commands.arguments import Commands, add_command, add_stream, positive
from tidelake.contract.schema import SOURCES


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "tail",
        _run,
        help="print events from all shards of the data stream",
        description="Print events, one JSON object a line, from all shards, until Ctrl-C.",
    )
    parser.add_argument(
        "--from-start", action="store_true", help="begin with the oldest event that is kept"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after N events")
    parser.add_argument("--source", choices=sorted(SOURCES), help="only this source's events")
    add_stream(parser)


def _run(parsed: argparse.Namespace) -> int:
    from itertools import islice

    from tidelake.client.consumer import Consumer, tail
    from tidelake.client.transport import LATEST, TRIM_HORIZON
    from tidelake.local.target import open_stream

    transport, stream = open_stream(parsed.environment, parsed.stream)
    start = TRIM_HORIZON if parsed.from_start else LATEST
    events = tail(Consumer(transport, stream, start=start), source=parsed.source)
    for event in islice(events, parsed.limit):
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    return 0
