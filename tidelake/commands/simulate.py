"""`tidelake simulate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_stream, positive
from tidelake.commands.exits import EXIT_FAILED
from tidelake.commands.producer_arguments import add_producer_options, producer_options
from tidelake.contract.schema import SOURCES


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "simulate",
        _run,
        help="send made-up events of many sources, with known faults",
        description="Send events of many sources at once, made of a seed: the same options make "
        "the same events. What is bad, late or sent twice is counted as it is made.",
    )
    parser.add_argument(
        "--mix",
        default=",".join(f"{name}=1" for name in SOURCES),
        metavar="SOURCE=WEIGHT,...",
        help="how often each source has its turn (default: %(default)s)",
    )
    parser.add_argument(
        "--rate", type=positive, metavar="N", help="lines a second (default: 100 with --duration)"
    )
    parser.add_argument(
        "--duration", type=positive, metavar="SECONDS", help="how long; until Ctrl-C without it"
    )
    parser.add_argument(
        "--events",
        type=positive,
        metavar="N",
        help="how many lines; as fast as can be but for --rate",
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
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="write the counts of what was made, as JSON"
    )
    parser.add_argument(
        "--dead-letters",
        type=Path,
        default=Path("dead_letters.jsonl"),
        metavar="FILE",
        help="where refused lines go (default: %(default)s)",
    )
    add_producer_options(parser)
    add_stream(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.simulate_command import SimulateOptions, parse_mix, simulate
    from tidelake.sources.simulation import SimulationOptions

    paced = parsed.rate if parsed.rate is not None else (None if parsed.events else 100)
    options = SimulateOptions(
        simulation=SimulationOptions(
            mix=parse_mix(parsed.mix),
            bad_share=parsed.bad,
            late_share=parsed.late,
            duplicate_share=parsed.duplicates,
            seed=parsed.seed,
            events_per_second=float(1_000 if paced is None else paced),
        ),
        rate=paced,
        duration_seconds=parsed.duration,
        lines=parsed.events,
        truth_file=parsed.truth,
        dead_letter_file=parsed.dead_letters,
        environment=parsed.environment,
        stream=parsed.stream,
        producer=producer_options(parsed),
        transport=parsed.transport,
    )
    report = simulate(options, Console(stderr=True))
    return EXIT_FAILED if report.undelivered else 0


def _share(text: str) -> float:
    """`1%` or `0.01`."""
    share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed: 0% to 100%")
    return share
