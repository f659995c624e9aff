"""What the commands share: how they are declared, and the arguments that many take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from tidelake.contract.schema import SOURCES

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    help: str,  # noqa: A002  argparse's own word
    description: str | None = None,
) -> argparse.ArgumentParser:
    """Declare a command; `run` returns its exit status."""
    parser = commands.add_parser(
        name, help=help, description=help if description is None else description
    )
    # Also after the command; SUPPRESS keeps it from undoing a --debug before it.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    parser.set_defaults(run=run)
    return parser


def positive(text: str) -> int:
    """An argument that counts: 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed: 1 or more")
    return number


def add_source(parser: argparse.ArgumentParser) -> None:
    """`--source`: what the lines are."""
    parser.add_argument(
        "--source",
        choices=sorted(SOURCES),
        default="web_log",
        help="what the lines are (default: %(default)s)",
    )


def add_stream(parser: argparse.ArgumentParser) -> None:
    """`--environment` and `--stream`: which data stream."""
    parser.add_argument(
        "--environment",
        default="local",
        metavar="NAME",
        help="whose data stream: local, dev, prod (default: %(default)s)",
    )
    parser.add_argument(
        "--stream", metavar="NAME", help="a data stream by name, instead of the environment's own"
    )
