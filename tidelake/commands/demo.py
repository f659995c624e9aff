"""`tidelake demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_source, positive
from tidelake.commands.simulation_arguments import add_simulation, simulation_options
from tidelake.contract.errors import ConfigurationError

EVENTS_PER_SECOND = 1.0
"""Of the time in which made-up events happen, so that they spread over hours, as a log does."""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "demo",
        _run,
        help="run the whole pipeline on a local AWS",
        description="Deploy the stacks to a local AWS, send a file, or with --mix made-up events "
        "of many sources, through the pipeline, check that every event is accounted for, and "
        "destroy the stacks again.",
    )
    add_source(parser)
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="the input; a generated access log without it"
    )
    add_simulation(parser, mix=None)
    parser.add_argument(
        "--events",
        type=positive,
        default=10_000,
        metavar="N",
        help="lines to make where there is no FILE (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/demo"),
        metavar="DIR",
        help="where summary.json, dead_letters.jsonl and the logs go (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the local AWS and the stacks running at the end"
    )


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.demo import DemoOptions, run_demo

    if parsed.mix is not None and parsed.file is not None:
        raise ConfigurationError("--mix", parsed.mix, "a mix or --file, not both")
    simulated = None
    if parsed.mix is not None:
        simulated = simulation_options(parsed, events_per_second=EVENTS_PER_SECOND)
    options = DemoOptions(
        source=parsed.source,
        file=parsed.file,
        simulation=simulated,
        events=parsed.events,
        out=parsed.out,
        keep=parsed.keep,
        project_dir=Path.cwd(),
    )
    run_demo(options, Console())
    return 0
