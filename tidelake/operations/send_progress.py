"""How a `send` shows itself: on the way, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tidelake.client.send import SendProgress, SendReport
from tidelake.local.progress import Stage


def showing(sending: Stage) -> Callable[[SendProgress], None]:
    """What `send` reports its progress to: the line of a stage."""

    def show(progress: SendProgress) -> None:
        sending.heartbeat(
            f"{progress.delivered:,} events, {progress.events_per_second:,.0f} a second"
        )

    return show


def print_report(console: Console, report: SendReport, dead_letter_file: Path) -> None:
    """Print the counts, which add up, and where to find what was set aside."""
    console.print(
        f"{report.lines:,} lines: {report.delivered:,} events delivered, "
        f"{report.rejected:,} lines rejected, {report.undelivered:,} events undelivered, "
        f"{report.skipped:,} lines skipped",
        soft_wrap=True,
    )
    if report.recovered:
        console.print(f"{report.recovered:,} of them from the spool of an earlier run")
    if report.spooled:
        console.print(f"{report.spooled:,} events stay in the spool, for the next run with it")
    for reason, count in sorted(report.skips.items()):
        console.print(f"skipped: {count:,} {reason}", markup=False)
    if report.rejected or report.undelivered:
        console.print(f"set aside, with the reason: {dead_letter_file}", soft_wrap=True)
