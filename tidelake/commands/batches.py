"""`tidelake batches`."""

from __future__ import annotations

import argparse
import json
import sys

from rich.console import Console

from tidelake.commands.arguments import Commands, add_command, add_environment
from tidelake.contract.batch_items import BatchState


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "batches",
        _run,
        help="show the batches that were set aside, or try one again",
        description="Show the batches that were given up on, each with its step's name, the number "
        "of its objects and the reason; with --state those that are waiting, running or done. "
        "With --retry have one tried again, when the cause is mended.",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--state",
        choices=[state.value for state in BatchState],
        default=BatchState.SET_ASIDE.value,
        help="which batches (default: %(default)s)",
    )
    action.add_argument(
        "--retry", metavar="ID", help="try this one again; the start of its id is enough"
    )
    parser.add_argument("--json", action="store_true", help="print the batches as JSON")
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.deployed import deployed
    from tidelake.operations.batches import batches_document, batches_in, print_batches, retry

    found, console = deployed(parsed.environment), Console()
    dynamodb = found.client("dynamodb")
    if parsed.retry is not None:
        batch = retry(parsed.retry, dynamodb, found.client("sqs"), found.outputs)
        console.print(f"asked for another attempt of {batch.batch_id}", highlight=False)
        return 0
    state = BatchState(parsed.state)
    batches = batches_in(state, dynamodb, found.outputs)
    if parsed.json:
        sys.stdout.write(json.dumps(batches_document(batches), indent=2) + "\n")
    else:
        print_batches(console, state, batches)
    return 0
