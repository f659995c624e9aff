"""`tidelake demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_source, positive


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "demo",
        _run,
        help="run the whole pipeline on a local AWS",
        description="Deploy the stacks to a local AWS, send a file through the pipeline, check "
        "that every event is accounted for, and destroy the stacks again.",
    )
    add_source(parser)
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="the input; a generated access log without it"
    )
    parser.add_argument(
        "--events",
        type=positive,
        default=10_000,
        metavar="N",
        help="lines to generate where there is no FILE (default: %(default)s)",
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

    options = DemoOptions(
        source=parsed.source,
        file=parsed.file,
        events=parsed.events,
        out=parsed.out,
        keep=parsed.keep,
        project_dir=Path.cwd(),
    )
    run_demo(options, Console())
    return 0
