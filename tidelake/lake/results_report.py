"""The results as people would rather look than read: tables with bars, and hours as a skyline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from tidelake.lake.printable import printable
from tidelake.lake.results import Results

BARS = "▁▂▃▄▅▆▇█"
DAYS_SHOWN = 31
BAR_WIDTH = 24
BAR_COLOR = "cyan"


def print_results(console: Console, results: Results) -> None:
    """Print what there is of each kind; the widths follow the terminal."""
    if not results.events_by_source:
        console.print("the tables hold no events yet")
        return
    for part in _parts(results):
        console.print(part)


def _parts(results: Results) -> Iterator[RenderableType]:
    if len(results.events_by_source) > 1:
        yield _counts("Events by source", ("source", "events"), results.events_by_source)
    yield _by_hour(results)
    if results.events_by_status:
        yield _counts("Requests by status", ("status", "requests"), results.events_by_status)
        yield _counts("Top paths", ("path", "requests"), dict(results.top_paths))
        yield f" response bytes: {results.response_bytes:,}\n"
    if results.sessions:
        yield _sessions(results)
    if results.devices:
        yield _devices(results)
    if results.purchases:
        yield _purchases(results)
    if results.current_rows:
        yield _current_rows(results)


def _by_hour(results: Results) -> Table:
    """A row a day and source, a bar an hour; `--json` has the numbers."""
    hours = results.hours_by_source
    days = sorted({(hour[:10], source) for source, counts in hours.items() for hour in counts})
    table = _table("Events by hour, UTC")
    table.add_column("day")
    table.add_column("source")
    table.add_column("0h    6h    12h   18h   ", no_wrap=True)
    table.add_column("events", justify="right")
    largest = max((n for counts in hours.values() for n in counts.values()), default=0)
    for day, source in days[-DAYS_SHOWN:]:
        counts = [hours[source].get(f"{day}T{hour:02d}", 0) for hour in range(24)]
        skyline = "".join(_bar(n, largest) for n in counts)
        table.add_row(day, source, f"[{BAR_COLOR}]{skyline}[/]", f"{sum(counts):,}")
    if len(days) > DAYS_SHOWN:
        table.caption = f"the latest {DAYS_SHOWN} of {len(days)} rows"
    return table


def _bar(count: int, largest: int) -> str:
    """One character as high as its share of the largest count; blank for none."""
    return " " if count == 0 else BARS[(count * len(BARS) - 1) // largest]


def _counts(title: str, columns: tuple[str, str], counts: Mapping[str, int]) -> Table:
    """Counts with bars as long as their share of the largest."""
    name, count_name = columns
    table = _table(title)
    table.add_column(name, overflow="fold")
    table.add_column(count_name, justify="right")
    table.add_column("", width=BAR_WIDTH)
    largest = max(counts.values(), default=1)
    for key, count in counts.items():
        bar = Bar(size=largest, begin=0, end=count, color=BAR_COLOR)
        table.add_row(escape(printable(key)), f"{count:,}", bar)
    return table


def _sessions(results: Results) -> Table:
    table = _table("Sessions")
    table.add_column("source")
    for name in ("sessions", "events each", "minutes each"):
        table.add_column(name, justify="right")
    for source, found in results.sessions.items():
        table.add_row(
            source, f"{found.sessions:,}", f"{found.events_each:,}", f"{found.minutes_each:,}"
        )
    return table


def _devices(results: Results) -> Table:
    table = _table("Suspect readings by device")
    table.add_column("device", overflow="fold")
    table.add_column("measures", no_wrap=True)
    for name in ("readings", "mean", "suspect"):
        table.add_column(name, justify="right", no_wrap=True)
    # The one column that gives way where all do not fit.
    table.add_column("", max_width=BAR_WIDTH)
    largest = max(1, *(device.suspect for device in results.devices))
    for device in results.devices:
        unit = "" if device.unit is None else f" {device.unit}"
        table.add_row(
            escape(printable(device.device)),
            escape(printable(device.measures)),
            f"{device.readings:,}",
            "" if device.mean is None else escape(printable(f"{device.mean:,}{unit}")),
            f"{device.suspect:,}",
            Bar(size=largest, begin=0, end=device.suspect, color=BAR_COLOR),
        )
    return table


def _purchases(results: Results) -> Table:
    table = _table("Purchases")
    table.add_column("currency")
    for name in ("purchases", "items", "amount, minor unit"):
        table.add_column(name, justify="right")
    for currency, found in results.purchases.items():
        table.add_row(
            escape(printable(currency)),
            f"{found.purchases:,}",
            f"{found.items:,}",
            f"{found.amount_minor:,}",
        )
    return table


def _current_rows(results: Results) -> Table:
    table = _table("Current rows")
    table.add_column("table", overflow="fold")
    for name in ("rows", "deleted"):
        table.add_column(name, justify="right")
    for name, found in results.current_rows.items():
        table.add_row(escape(printable(name)), f"{found.rows:,}", f"{found.deleted:,}")
    return table


def _table(title: str) -> Table:
    """Narrow, so that most fit into 80 columns."""
    return Table(
        title=title,
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
