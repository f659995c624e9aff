"""`tidelake local`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command
from tidelake.commands.exits import EXIT_FAILED


def add(commands: Commands) -> None:
    """Declare the command."""
    local = commands.add_parser("local", help="the local AWS: set-up, up, down, status")
    actions = local.add_subparsers(required=True, metavar="ACTION")
    setup = add_command(
        actions, "setup", _setup, help="find or install Node, Java, the CDK CLI, Spark jars"
    )
    setup.add_argument(
        "--print-path",
        action="store_true",
        help="only print the folder that PATH needs, for a shell",
    )
    setup.add_argument(
        "--update-lock",
        action="store_true",
        help="first fetch the Spark jars anew and write their checksums into the lock file",
    )
    up = add_command(actions, "up", _up, help="start a local AWS on 127.0.0.1, in the background")
    up.add_argument("--port", type=int, metavar="PORT", help="default: any free port")
    add_command(actions, "down", _down, help="stop it, and everything that it runs")
    add_command(actions, "status", _status, help="say whether it runs, and what is deployed on it")


def _setup(parsed: argparse.Namespace) -> int:
    from tidelake.local.toolchain import find_toolchain, set_up, update_jar_lock

    if parsed.print_path:
        sys.stdout.write(f"{find_toolchain(Path.cwd()).node.parent}\n")
        return 0
    report = Console(markup=False, highlight=False, soft_wrap=True).print
    if parsed.update_lock:
        update_jar_lock(Path.cwd(), report)
    set_up(Path.cwd(), report)
    return 0


def _up(parsed: argparse.Namespace) -> int:
    from tidelake.local.lifecycle import start_local_aws

    local_aws = start_local_aws(project_dir=Path.cwd(), port=parsed.port)
    local_aws.detach()
    sys.stdout.write(f"{local_aws.endpoint}\n")
    return 0


def _down(_: argparse.Namespace) -> int:
    from tidelake.local.lifecycle import stop_local_aws

    stopped = stop_local_aws()
    sys.stdout.write("stopped\n" if stopped else "nothing was running\n")
    return 0


def _status(_: argparse.Namespace) -> int:
    """Exits with 1 when nothing runs, so that a script can ask."""
    from tidelake.local.lifecycle import local_status
    from tidelake.local.report import print_status

    status = local_status()
    print_status(Console(), status)
    return 0 if status.endpoint else EXIT_FAILED
