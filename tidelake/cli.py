"""The `tidelake` command: its parser, and what becomes of an error. No logic."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console

from tidelake import __version__
from tidelake.commands import (
    aggregate,
    backfill,
    batches,
    check,
    check_vpc,
    consume,
    demo,
    destroy,
    keys,
    local,
    redrive,
    replay,
    results,
    send,
    simulate,
    stream,
    tail,
)
from tidelake.commands.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED
from tidelake.contract.errors import (
    CommandError,
    DeliveryError,
    LocalAwsError,
    PipelineError,
    TidelakeError,
    TransportError,
)

COMMANDS = (
    *(demo, send, simulate, tail, consume, keys, stream),
    *(results, check, replay, batches, redrive, backfill, aggregate),
    *(local, check_vpc, destroy),
)
"""In the order of the help. Each command imports what it needs when it runs, so that `--help`
answers at once."""

# What went wrong while working, as against what was asked for wrongly.
FAILURES = (CommandError, DeliveryError, LocalAwsError, PipelineError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns 0 when all went well, 1 when the work failed, 2 when nothing could be done with what
    was asked for, 130 on Ctrl-C.
    """
    parsed = _parser().parse_args(arguments)
    errors = Console(stderr=True)
    try:
        status: int = parsed.run(parsed)
    except TidelakeError as error:
        if parsed.debug:
            errors.print_exception()
        _say(errors, str(error))
        return EXIT_FAILED if _is_failure(error) else EXIT_REFUSED
    except KeyboardInterrupt:
        errors.print("tidelake: interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does. Python would complain on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # Refused credentials, a full disk, a defect of ours: one line all the same.
        if parsed.debug:
            errors.print_exception()
        _say(errors, f"{type(error).__name__}: {error} (--debug shows where)")
        return EXIT_FAILED
    return status


def _is_failure(error: TidelakeError) -> bool:
    """A call that may work later failed; one that names a stream that is not there is refused."""
    may_work_later = isinstance(error, TransportError) and error.retryable
    return may_work_later or isinstance(error, FAILURES)


def _say(console: Console, text: str) -> None:
    console.print(f"tidelake: {text}", markup=False, highlight=False, soft_wrap=True)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything else does; the usage is in `--help`."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_REFUSED, f"tidelake: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tidelake", description="A streaming data lake on AWS, or whole on this machine."
    )
    parser.add_argument("--version", action="version", version=f"tidelake {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser
