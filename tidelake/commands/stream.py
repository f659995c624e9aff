"""`tidelake stream describe | wait | scale | retention`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_stream, positive

if TYPE_CHECKING:
    from tidelake.client.stream_operations import StreamOperations, StreamState


def add(commands: Commands) -> None:
    """Declare the commands."""
    parser = commands.add_parser(
        "stream",
        help="look at the data stream and operate it",
        description="Look at the data stream and operate it.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    describe = add_command(actions, "describe", _describe, help="show the stream and its shards")
    describe.add_argument("--json", action="store_true", help="as one JSON object")
    wait = add_command(actions, "wait", _wait, help="wait until the stream is ACTIVE")
    scale = add_command(
        actions,
        "scale",
        _scale,
        help="change the number of open shards",
        description="Change the number of open shards, in steps that at most double or halve it, "
        "and wait until the stream is ACTIVE. No record is lost. AWS allows ten steps in 24 hours.",
    )
    scale.add_argument("--shards", type=positive, required=True, metavar="N")
    retention = add_command(
        actions,
        "retention",
        _retention,
        help="change how long records stay readable",
        description="Change how long records stay readable. Lowering it forgets older ones.",
    )
    retention.add_argument(
        "--hours", type=positive, required=True, metavar="H", help="24 to 8760 hours"
    )
    for action in (describe, wait, scale, retention):
        add_stream(action)


def _describe(parsed: argparse.Namespace) -> int:
    from tidelake.operations.stream import show_stream

    state = _operations(parsed).describe()
    if parsed.json:
        sys.stdout.write(json.dumps(state.to_document()) + "\n")
    else:
        show_stream(state, Console())
    return 0


def _wait(parsed: argparse.Namespace) -> int:
    return _with_progress("wait for the stream", _operations(parsed).wait)


def _scale(parsed: argparse.Namespace) -> int:
    operations = _operations(parsed)
    return _with_progress(
        f"scale to {parsed.shards}", lambda show: operations.scale(parsed.shards, show)
    )


def _retention(parsed: argparse.Namespace) -> int:
    state = _operations(parsed).set_retention(parsed.hours)
    sys.stdout.write(f"{state.name} keeps records for {state.retention_hours} hours\n")
    return 0


def _operations(parsed: argparse.Namespace) -> StreamOperations:
    from tidelake.client.stream_operations import StreamOperations
    from tidelake.local.target import open_target

    target = open_target(parsed.environment)
    return StreamOperations(target.client("kinesis"), target.stream_name(parsed.stream))


def _with_progress(title: str, work: Callable[[Callable[[StreamState], None]], StreamState]) -> int:
    from tidelake.local.progress import stage
    from tidelake.operations.stream import headline

    with stage(Console(stderr=True), title) as working:
        work(lambda state: working.heartbeat(headline(state)))
    return 0
