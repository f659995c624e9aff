"""The `tidelake` command: arguments -> calls. No logic."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from rich.console import Console

from tidelake import __version__
from tidelake.contract.errors import (
    CommandError,
    DeliveryError,
    LocalAwsError,
    PipelineError,
    TidelakeError,
)
from tidelake.contract.schema import SOURCES

EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130

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
        return EXIT_FAILED if isinstance(error, FAILURES) else EXIT_REFUSED
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


def _say(console: Console, text: str) -> None:
    console.print(f"tidelake: {text}", markup=False, highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tidelake", description="A streaming data lake on AWS, or whole on this machine."
    )
    parser.add_argument("--version", action="version", version=f"tidelake {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_send(commands)
    _add_tail(commands)
    _add_local(commands)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_command(
    commands: _Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    help: str,  # noqa: A002  argparse's own word
    description: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=help, description=help if description is None else description
    )
    # Also after the command; SUPPRESS keeps it from undoing a --debug before it.
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    parser.set_defaults(run=run)
    return parser


def _add_demo(commands: _Commands) -> None:
    parser = _add_command(
        commands,
        "demo",
        _demo,
        help="run the whole pipeline on a local AWS",
        description="Deploy the stacks to a local AWS, send a file through the pipeline, check "
        "that every event is accounted for, and destroy the stacks again.",
    )
    _add_source(parser)
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="the input; a generated access log without it"
    )
    parser.add_argument(
        "--events",
        type=_positive,
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


def _add_send(commands: _Commands) -> None:
    parser = _add_command(
        commands,
        "send",
        _send,
        help="send a file's events to the data stream",
        description="Parse a file into typed events and put them on the data stream. Lines that "
        "cannot be accepted go to the dead-letter file with their number and the reason.",
    )
    _add_source(parser)
    parser.add_argument("--file", type=Path, required=True, metavar="FILE", help="plain or gzip")
    parser.add_argument(
        "--dead-letters",
        type=Path,
        default=Path("dead_letters.jsonl"),
        metavar="FILE",
        help="where rejected lines go (default: %(default)s)",
    )
    _add_stream(parser)


def _add_tail(commands: _Commands) -> None:
    parser = _add_command(
        commands,
        "tail",
        _tail,
        help="print events from all shards of the data stream",
        description="Print events, one JSON object a line, from all shards, until Ctrl-C.",
    )
    parser.add_argument(
        "--from-start", action="store_true", help="begin with the oldest event that is kept"
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="stop after N events")
    parser.add_argument("--source", choices=sorted(SOURCES), help="only this source's events")
    _add_stream(parser)


def _add_local(commands: _Commands) -> None:
    local = commands.add_parser("local", help="the local AWS: set-up, up, down, status")
    actions = local.add_subparsers(required=True, metavar="ACTION")
    setup = _add_command(
        actions, "setup", _local_setup, help="find or install Node, Java, the CDK CLI, Spark jars"
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
    up = _add_command(
        actions, "up", _local_up, help="start a local AWS on 127.0.0.1, in the background"
    )
    up.add_argument("--port", type=int, metavar="PORT", help="default: any free port")
    _add_command(actions, "down", _local_down, help="stop it, and everything that it runs")
    _add_command(
        actions, "status", _local_status, help="say whether it runs, and what is deployed on it"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; allowed: 1 or more")
    return number


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        choices=sorted(SOURCES),
        default="web_log",
        help="what the lines are (default: %(default)s)",
    )


def _add_stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--environment",
        default="local",
        metavar="NAME",
        help="whose data stream: local, dev, prod (default: %(default)s)",
    )
    parser.add_argument(
        "--stream", metavar="NAME", help="a data stream by name, instead of the environment's own"
    )


# The commands. Each imports what it needs when it runs, so that `--help` answers at once.


def _demo(parsed: argparse.Namespace) -> int:
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


def _send(parsed: argparse.Namespace) -> int:
    from tidelake.local.send_command import send_file

    report = send_file(
        parsed.file,
        source=parsed.source,
        dead_letter_file=parsed.dead_letters,
        environment=parsed.environment,
        stream=parsed.stream,
        console=Console(stderr=True),
    )
    return EXIT_FAILED if report.undelivered else 0


def _tail(parsed: argparse.Namespace) -> int:
    from itertools import islice

    from tidelake.client.consumer import Consumer, tail
    from tidelake.client.transport import LATEST, TRIM_HORIZON
    from tidelake.local.target import open_stream

    transport, stream = open_stream(parsed.environment, parsed.stream)
    start = TRIM_HORIZON if parsed.from_start else LATEST
    events = tail(Consumer(transport, stream, start=start), source=parsed.source)
    for event in islice(events, parsed.limit):
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    return 0


def _local_setup(parsed: argparse.Namespace) -> int:
    from tidelake.local.toolchain import find_toolchain, set_up, update_jar_lock

    if parsed.print_path:
        sys.stdout.write(f"{find_toolchain(Path.cwd()).node.parent}\n")
        return 0
    report = Console(markup=False, highlight=False, soft_wrap=True).print
    if parsed.update_lock:
        update_jar_lock(Path.cwd(), report)
    set_up(Path.cwd(), report)
    return 0


def _local_up(parsed: argparse.Namespace) -> int:
    from tidelake.local.lifecycle import start_local_aws

    local_aws = start_local_aws(project_dir=Path.cwd(), port=parsed.port)
    local_aws.detach()
    sys.stdout.write(f"{local_aws.endpoint}\n")
    return 0


def _local_down(_: argparse.Namespace) -> int:
    from tidelake.local.lifecycle import stop_local_aws

    stopped = stop_local_aws()
    sys.stdout.write("stopped\n" if stopped else "nothing was running\n")
    return 0


def _local_status(_: argparse.Namespace) -> int:
    """Exits with 1 when nothing runs, so that a script can ask."""
    from tidelake.local.lifecycle import local_status
    from tidelake.local.report import print_status

    status = local_status()
    print_status(Console(), status)
    return 0 if status.endpoint else EXIT_FAILED
