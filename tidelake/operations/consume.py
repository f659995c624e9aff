"""What `tidelake consume` does: one worker of an application, writing events to its output."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console

from tidelake.client.checkpoint_file import FileCheckpoints
from tidelake.client.checkpoints import Checkpoints
from tidelake.client.consumer import Consumer
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.fan_out import FAN_OUT, FanOutTransport, register_consumer
from tidelake.client.fast_transport import FastTransport
from tidelake.client.lease_table import LeaseTable
from tidelake.client.leases import Leases
from tidelake.client.processing import Processed, process
from tidelake.client.shard_reader import POLLING
from tidelake.client.transport import Position
from tidelake.contract.errors import DeliveryError
from tidelake.contract.events import Event
from tidelake.local.progress import Stage, stage
from tidelake.local.target import Target
from tidelake.operations.tail import lag_text


@dataclass(frozen=True, kw_only=True)
class ConsumeRequest:
    """What the command was asked for."""

    application: str
    stream: str | None
    start: Position
    """Where the application begins; later runs go on from its checkpoints."""
    checkpoint_file: Path | None
    """Checkpoints of a single process; None means leases in `table`."""
    table: str
    lease_seconds: float
    fan_out: str | None
    """Name of the registered consumer, or None to poll."""
    dead_letter_file: Path
    limit: int | None
    until_tip: bool


def consume(target: Target, request: ConsumeRequest, console: Console) -> Processed:
    """Write each event as a line of JSON; what holds no event becomes a dead letter.

    A line is written and flushed before its checkpoint. Ctrl-C and SIGTERM end the worker and let
    its shards go to the other workers at once; the events of its last second may come again.
    """
    stream = target.stream_name(request.stream)
    checkpoints = _checkpoints(target, request, stream)
    done = Processed()
    with (
        _consumer(target, request, stream, checkpoints) as consumer,
        DeadLetterFile(request.dead_letter_file) as dead_letters,
        _terminated_as_interrupted(),
        stage(console, f"consume {stream} as {request.application}") as consuming,
    ):
        records = consumer.read_to_tip() if request.until_tip else consumer.follow()

        def write(event: Event) -> None:
            _write_line(json.dumps(event))
            _show(consuming, done, consumer)

        try:
            process(islice(records, request.limit), write, dead_letters, tally=done)
            consumer.checkpoint()
        except KeyboardInterrupt:
            # The record in hand may not be done, so what was saved last is what counts.
            consuming.detail = "interrupted"
    console.print(f"{done.handled:,} events, {done.dead:,} dead letters", highlight=False)
    if done.dead:
        console.print(f"set aside, with the reason: {request.dead_letter_file}", soft_wrap=True)
    return done


def _write_line(text: str) -> None:
    """DeliveryError on a full disk, which ends the worker: each event would fail on it."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DeliveryError(f"standard output cannot be written: {error.strerror}") from error


def _show(consuming: Stage, done: Processed, consumer: Consumer) -> None:
    consuming.heartbeat(f"{done.handled + 1:,} events, {lag_text(consumer.lag)}")


def _checkpoints(target: Target, request: ConsumeRequest, stream: str) -> Checkpoints:
    if request.checkpoint_file is not None:
        return FileCheckpoints(request.checkpoint_file, stream)
    table = LeaseTable(
        target.client("dynamodb"),
        request.table,
        application=request.application,
        stream=stream,
    )
    table.create_if_missing()
    return Leases(table, lease_seconds=request.lease_seconds)


def _consumer(
    target: Target, request: ConsumeRequest, stream: str, checkpoints: Checkpoints
) -> Consumer:
    client = target.client("kinesis")
    if request.fan_out is None:
        transport: FastTransport | FanOutTransport = FastTransport(client)
        pace = POLLING
    else:
        transport = FanOutTransport(client, register_consumer(client, stream, request.fan_out))
        pace = FAN_OUT
    return Consumer(transport, stream, start=request.start, checkpoints=checkpoints, pace=pace)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, which is how workers are stopped, end the block as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
