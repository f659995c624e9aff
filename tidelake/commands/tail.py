"""`tidelake tail`."""

from __future__ import annotations

import argparse

from tidelake.commands.arguments import Commands, add_command, add_start, add_stream, positive
from tidelake.contract.schema import SOURCES, raw_fields


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "tail",
        _run,
        help="print events from all shards of the data stream",
        description="Print events from all shards as they arrive, until Ctrl-C: arrival time, age, "
        "source, type, fields.",
    )
    add_start(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after N events")
    parser.add_argument("--source", choices=sorted(SOURCES), help="only this source's events")
    parser.add_argument(
        "--where",
        type=_condition,
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="only events whose field has this value; repeat it for more fields",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_stream(parser)


def _condition(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    known = sorted(field.name for field in raw_fields())
    if not equals or field not in known:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed; allowed: FIELD=VALUE with a field of {', '.join(known)}"
        )
    return field, value


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.client.transport import LATEST
    from tidelake.local.target import open_target
    from tidelake.operations.tail import Wanted, tail

    tail(
        open_target(parsed.environment),
        stream=parsed.stream,
        start=LATEST if parsed.start is None else parsed.start,
        wanted=Wanted(parsed.source, parsed.where),
        limit=parsed.limit,
        as_json=parsed.json,
    )
    return 0
