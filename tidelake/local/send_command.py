"""What `tidelake send` does: a file's events to a data stream, with progress."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.producer import Producer
from tidelake.client.send import SendProgress, SendReport, check_input, send
from tidelake.contract.errors import InputError
from tidelake.local.progress import stage
from tidelake.local.target import open_stream
from tidelake.sources.events import read_events


def send_file(
    file: Path,
    *,
    source: str,
    dead_letter_file: Path,
    environment: str,
    stream: str | None,
    console: Console,
) -> SendReport:
    """Send what the file holds; rejected lines and undelivered events go to the dead letters.

    Dead letters are added to those of earlier sends. Raises InputError, before anything is sent,
    when not one line holds an event.
    """
    try:
        check_input(read_events(file, source))
    except InputError:
        # No send follows, so the rejected lines are set aside here.
        with DeadLetterFile(dead_letter_file) as dead_letters:
            check_input(read_events(file, source), dead_letters)
    transport, stream_name = open_stream(environment, stream)

    def show(progress: SendProgress) -> None:
        sending.heartbeat(
            f"{progress.delivered:,} events, {progress.events_per_second:,.0f} a second"
        )

    with (
        stage(console, f"send {file} to {stream_name}") as sending,
        DeadLetterFile(dead_letter_file) as dead_letters,
    ):
        producer = Producer(transport, stream_name, dead_letters)
        report = send(read_events(file, source), producer, dead_letters, on_progress=show)
    console.print(
        f"{report.lines:,} lines: {report.delivered:,} events delivered, "
        f"{report.rejected:,} lines rejected, {report.undelivered:,} events undelivered"
    )
    if report.rejected or report.undelivered:
        console.print(f"set aside, with the reason: {dead_letter_file}", soft_wrap=True)
    return report
