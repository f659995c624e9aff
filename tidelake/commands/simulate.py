"""`tidelake simulate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_stream, positive
from tidelake.commands.exits import EXIT_FAILED
from tidelake.commands.producer_arguments import add_producer_options, producer_options
from tidelake.commands.simulation_arguments import (
    EVERY_SOURCE,
    add_simulation,
    simulation_options,
)


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
    add_simulation(parser, mix=EVERY_SOURCE)
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
    from tidelake.operations.simulate import SimulateOptions, simulate

    paced = parsed.rate if parsed.rate is not None else (None if parsed.events else 100)
    options = SimulateOptions(
        simulation=simulation_options(
            parsed, events_per_second=float(1_000 if paced is None else paced)
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
