"""The arguments that say how events are put on the data stream."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tidelake.commands.arguments import number_of

if TYPE_CHECKING:
    from tidelake.client.options import ProducerOptions

DRAIN_SECONDS = 120.0


def add_producer_options(parser: argparse.ArgumentParser) -> None:
    """`--spool`, `--receipts`, `--ordered` and the others of a producer."""
    parser.add_argument(
        "--spool",
        type=Path,
        metavar="DIR",
        help="keep events on the disk until they are delivered; what is left goes first next time",
    )
    parser.add_argument(
        "--receipts",
        type=Path,
        metavar="FILE",
        help="add the ids of the accepted events, one a line, for `tidelake check --receipts`",
    )
    parser.add_argument(
        "--ordered",
        action="store_true",
        help="keep the order of events that share a partition key (slower)",
    )
    parser.add_argument(
        "--aggregate",
        action="store_true",
        help="pack small events into common records, as the Kinesis Producer Library does",
    )
    parser.add_argument(
        "--metrics",
        type=Path,
        metavar="FILE",
        help="add counts by source every minute, for the CloudWatch agent (embedded metric format)",
    )
    parser.add_argument(
        "--drain-seconds",
        type=_seconds,
        default=DRAIN_SECONDS,
        metavar="SECONDS",
        help="how long to go on delivering at the end (default: %(default)g)",
    )
    parser.add_argument(
        "--transport",
        choices=("fast", "boto3"),
        default="fast",
        help="how calls are made (default: %(default)s)",
    )


def producer_options(parsed: argparse.Namespace) -> ProducerOptions:
    """The options of the parsed arguments."""
    from tidelake.client.options import ProducerOptions

    return ProducerOptions(
        spool=parsed.spool,
        receipts=parsed.receipts,
        ordered=parsed.ordered,
        aggregate=parsed.aggregate,
        close_seconds=parsed.drain_seconds,
        metrics=parsed.metrics,
    )


def _seconds(text: str) -> float:
    seconds = number_of(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed: 0 or more seconds")
    return seconds
