"""The run's report for a person: the ledger, the results, and where to look next."""

from __future__ import annotations

from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidelake.local.lifecycle import LocalStatus
from tidelake.local.summary import Summary

BARS = "▁▂▃▄▅▆▇█"
DAYS_SHOWN = 31


def print_report(console: Console, summary: Summary) -> None:
    """Print the ledger and the results as tables; the widths follow the terminal."""
    console.print()
    console.print(_ledger(summary))
    console.print(_by_status(summary))
    console.print(_by_hour(summary))
    console.print(_top_paths(summary))
    console.print(f"response bytes: {summary.results.response_bytes:,}")


def print_status(console: Console, status: LocalStatus) -> None:
    """Print what runs, what is deployed on it, and what of that does nothing here."""
    if status.endpoint is None:
        console.print("no local AWS runs here")
        return
    console.print(f"running at {status.endpoint}, process {status.pid}", highlight=False)
    for stack in status.stacks:
        console.print(f"  {stack.name}  {stack.state}", highlight=False)
    if status.inert_types:
        console.print("recorded only, they do nothing on the local AWS:", highlight=False)
        for name in status.inert_types:
            console.print(f"  {name}", highlight=False)


def _ledger(summary: Summary) -> Table:
    table = Table(title="Ledger: in = out + set aside", title_justify="left")
    table.add_column("hop")
    table.add_column("in", justify="right")
    table.add_column("out", justify="right")
    table.add_column("set aside", justify="right")
    table.add_column("")
    counts, stream, raw, curated = summary.input, summary.stream, summary.raw, summary.curated
    rows = (
        (
            "lines -> events",
            counts.lines,
            counts.accepted,
            counts.rejected + counts.skipped,
            f"{counts.rejected:,} rejected, {counts.skipped:,} skipped",
        ),
        ("events -> data stream", counts.accepted, stream.events, 0, ""),
        (
            f"data stream -> raw zone ({raw.objects} objects)",
            stream.records,
            raw.events,
            raw.conversion_failed,
            "conversion failed",
        ),
        (
            f"raw zone -> curated ({len(summary.steps)} steps)",
            raw.events,
            curated.events,
            curated.duplicates + curated.quarantined,
            f"{curated.duplicates:,} duplicates, {curated.quarantined:,} quarantined",
        ),
    )
    for hop, came_in, went_out, aside, what in rows:
        table.add_row(hop, f"{came_in:,}", f"{went_out:,}", f"{aside:,}", what if aside else "")
    return table


def _by_status(summary: Summary) -> Table:
    return _counts("Requests by status", "status", summary.results.events_by_status)


def _by_hour(summary: Summary) -> Table:
    """A row a day, a bar an hour; `summary.json` has the numbers."""
    hours = summary.results.events_by_hour
    days = sorted({hour[:10] for hour in hours})
    table = Table(title="Requests by hour, UTC", title_justify="left")
    table.add_column("day")
    table.add_column("0h    6h    12h   18h   ", no_wrap=True)
    table.add_column("requests", justify="right")
    largest = max(hours.values(), default=0)
    for day in days[-DAYS_SHOWN:]:
        counts = [hours.get(f"{day}T{hour:02d}", 0) for hour in range(24)]
        table.add_row(day, "".join(_bar(n, largest) for n in counts), f"{sum(counts):,}")
    if len(days) > DAYS_SHOWN:
        table.caption = f"the latest {DAYS_SHOWN} of {len(days)} days"
    return table


def _bar(count: int, largest: int) -> str:
    """One character as high as its share of the largest count; blank for none."""
    return " " if count == 0 else BARS[(count * len(BARS) - 1) // largest]


def _top_paths(summary: Summary) -> Table:
    return _counts("Top paths", "path", dict(summary.results.top_paths))


def _counts(title: str, key: str, counts: dict[str, int]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(key, overflow="fold")
    table.add_column("requests", justify="right")
    table.add_column("", width=24)
    largest = max(counts.values(), default=1)
    for name, count in counts.items():
        table.add_row(escape(printable(name)), f"{count:,}", Bar(size=largest, begin=0, end=count))
    return table


def printable(text: str) -> str:
    """`text` with control characters escaped: a logged path must not drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
