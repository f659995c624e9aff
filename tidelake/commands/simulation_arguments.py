"""The arguments that say what is simulated; `simulate` and `demo` take them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tidelake.commands.arguments import number_of
from tidelake.contract.schema import SOURCES

if TYPE_CHECKING:
    from tidelake.sources.simulation import SimulationOptions

EVERY_SOURCE = ",".join(f"{name}=1" for name in SOURCES)


def add_simulation(parser: argparse.ArgumentParser, *, mix: str | None) -> None:
    """`--mix`, with its default, the shares of what is not plain, and the seed."""
    parser.add_argument(
        "--mix",
        default=mix,
        metavar="SOURCE=WEIGHT,...",
        help=f"how often each source has its turn, such as {EVERY_SOURCE}",
    )
    for option, default, what in (
        ("--bad", "1%", "lines that are bad: a third each refused by validation, failing the "
         "conversion to Parquet, and breaking the field table after it"),
        ("--late", "2%", "events that happened hours before they come"),
        ("--duplicates", "1%", "events that come again"),
    ):  # fmt: skip
        parser.add_argument(
            option,
            type=_share,
            default=_share(default),
            metavar="SHARE",
            help=f"{what} (default: {default})".replace("%", "%%"),
        )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="other events for each (default: 1)"
    )


def simulation_options(
    parsed: argparse.Namespace, *, events_per_second: float
) -> SimulationOptions:
    """The simulation that was asked for; ConfigurationError for a mix that is none."""
    from tidelake.operations.simulate import parse_mix
    from tidelake.sources.simulation import SimulationOptions

    return SimulationOptions(
        mix=parse_mix(parsed.mix),
        bad_share=parsed.bad,
        late_share=parsed.late,
        duplicate_share=parsed.duplicates,
        seed=parsed.seed,
        events_per_second=events_per_second,
    )


def _share(text: str) -> float:
    """`1%` or `0.01`."""
    share = number_of(text[:-1]) / 100 if text.endswith("%") else number_of(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed: 0% to 100%")
    return share
