"""What the commands share: how they are declared, and the arguments that many take."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from tidelake.client.transport import LATEST, TRIM_HORIZON, Position
from tidelake.contract.schema import SOURCES

_AGES = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}

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
    number = int(text) if re.fullmatch(r"[0-9]{1,99}", text) else 0
    if not 1 <= number <= sys.maxsize:
        allowed = "1 or more" if number < 1 else f"1 to {sys.maxsize}"
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed: {allowed}")
    return number


def number_of(text: str) -> float:
    """A number for an argument's own rule to judge; what is none is NaN, which no range holds."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def moment(text: str) -> datetime:
    """A time so long ago, such as 2h, or in ISO 8601, such as 2026-11-22T10; UTC by default."""
    age = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    try:
        if age is not None:
            return datetime.now(UTC) - _AGES[age[2]] * int(age[1])
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed; allowed: 30s, 15m, 2h, 1d or a time such as 2026-11-22T10"
        ) from None


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not allowed; allowed: a day such as 2026-11-22"
        ) from None


def add_days(parser: argparse.ArgumentParser, of: str, *, required: bool) -> None:
    """`--from` and `--to`: the days of what, UTC, the latter not included."""
    for option, name, meaning in (
        ("--from", "first", f"the first day of {of}, UTC, such as 2026-11-22"),
        ("--to", "end", "the day after the last one"),
    ):
        parser.add_argument(
            option, dest=name, type=_day, required=required, metavar="DAY", help=meaning
        )


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """`--cluster`: what a job runs on."""
    parser.add_argument(
        "--cluster",
        metavar="ID",
        help="where it runs (default: the environment's persistent cluster)",
    )


def add_environment(parser: argparse.ArgumentParser) -> None:
    """`--environment`: whose lake."""
    parser.add_argument(
        "--environment",
        default="local",
        metavar="NAME",
        help="whose lake: local, dev, prod (default: %(default)s)",
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """`--source`: what the lines are."""
    parser.add_argument(
        "--source",
        choices=sorted(SOURCES),
        default="web_log",
        help="what the lines are (default: %(default)s)",
    )


def add_start(parser: argparse.ArgumentParser) -> None:
    """`--from-start`, `--from-now` and `--since`, of which one may be given, as `start`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--from-start",
        dest="start",
        action="store_const",
        const=TRIM_HORIZON,
        help="begin with the oldest event that is kept",
    )
    group.add_argument(
        "--from-now",
        dest="start",
        action="store_const",
        const=LATEST,
        help="begin with what comes from now on",
    )
    group.add_argument(
        "--since",
        dest="start",
        type=_since,
        metavar="TIME",
        help="begin with what arrived since then: 30s, 15m, 2h, 1d or 2026-01-31T08",
    )


def _since(text: str) -> Position:
    since = moment(text)
    if since > datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: a time in the past")
    return Position.at(since)


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
