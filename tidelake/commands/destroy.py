"""`tidelake destroy`."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "destroy",
        _run,
        help="destroy an environment's stacks",
        description="Say what will remain, ask for the environment's name where it keeps data or "
        "is protected, lift the protection, destroy the stacks, and list what is left.",
    )
    parser.add_argument(
        "--environment", required=True, metavar="NAME", help="which: local, dev, prod"
    )
    parser.add_argument(
        "--yes", metavar="NAME", help="the environment's name, instead of being asked for it"
    )


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.operations.access import access_to
    from tidelake.operations.destroy import DestroyOptions, destroy

    options = DestroyOptions(
        environment=parsed.environment, confirmation=parsed.yes, project_dir=Path.cwd()
    )
    destroy(options, access_to(parsed.environment), Console(), _ask)
    return 0


def _ask(question: str) -> str:
    try:
        return input(question)
    except EOFError:
        return ""
