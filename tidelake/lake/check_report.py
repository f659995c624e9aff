"""The check for a person: a row an hour, and every difference with its place."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from tidelake.lake.check import HourCheck, hour_text
from tidelake.lake.lake_check import LakeCheck
from tidelake.lake.printable import printable

HOURS_SHOWN = 48
STYLES = {"balanced": "green", "unverified": "yellow", "waiting": "yellow", "differs": "red"}


def print_check(console: Console, check: LakeCheck) -> None:
    """Print the hours, the receipts, what can be replayed, and the differences."""
    console.print(_hours(check.hours))
    if check.receipts is not None:
        found = check.receipts
        console.print(
            f"receipts: {found.accepted:,} accepted events = {found.raw:,} in the raw zone + "
            f"{found.failed:,} conversion failures + {found.missing:,} missing",
            highlight=False,
            soft_wrap=True,
        )
    console.print(
        f"not replayed: {check.unreplayed_failures:,} conversion failures, "
        f"{check.unreplayed_rows:,} quarantined rows",
        highlight=False,
    )
    for problem in check.problems:
        console.print(printable(problem), markup=False, highlight=False, soft_wrap=True)
    console.print(_verdict(check))


def _hours(hours: list[HourCheck]) -> Table:
    """The latest hours, and every one that is not balanced."""
    table = Table(
        title="Raw rows = curated + duplicates + quarantined, by hour of arrival (UTC)",
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        # Narrow, so that counts of seven digits fit into 80 columns.
        padding=0,
    )
    table.add_column("hour", no_wrap=True)
    for name in ("objects", "raw", "curated", "duplicates", "quarantined"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    latest = hours[-HOURS_SHOWN:]
    shown = [check for check in hours if check in latest or check.verdict != "balanced"]
    for check in shown:
        counts = (check.objects, check.raw, check.curated, check.duplicates, check.quarantined)
        table.add_row(
            hour_text(check.hour),
            *(f"{count:,}" for count in counts),
            f"[{STYLES[check.verdict]}]{_hour_verdict(check)}[/]",
        )
    if len(shown) < len(hours):
        table.caption = f"{len(hours) - len(shown):,} earlier hours are balanced"
    return table


def _hour_verdict(check: HourCheck) -> str:
    if check.verdict == "waiting":
        return f"{check.waiting:,} waiting"
    if check.verdict == "unverified":
        return f"unverified ({check.unreadable:,})"
    return check.verdict


def _verdict(check: LakeCheck) -> str:
    if check.problems:
        return f"[red]{len(check.problems):,} differences[/red]"
    if check.is_unverified:
        return "[yellow]balanced, but for objects that cannot be read[/yellow]"
    return "[green]balanced[/green]"
