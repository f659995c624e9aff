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
    from tidelake.local.target import open_target
    from tidelake.operations.destroy import cdk_destroy, destroy

    def confirm() -> str:
        return _ask(parsed.environment) if parsed.yes is None else parsed.yes

    destroy(
        open_target(parsed.environment),
        Console(),
        confirm,
        run_cdk=cdk_destroy(Path.cwd()),
    )
    return 0


def _ask(environment: str) -> str:
    try:
        return input(f"Type the environment's name, {environment}, to destroy the rest: ")
    except EOFError:
        return ""
