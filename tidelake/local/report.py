"""The run's report for a person: the ledger, the results, and where to look next."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from tidelake.lake.results_report import print_results
from tidelake.local.lifecycle import LocalStatus
from tidelake.local.summary import Summary


def print_report(console: Console, summary: Summary) -> None:
    """Print the ledger and the results as tables; the widths follow the terminal."""
    console.print()
    console.print(_ledger(summary))
    print_results(console, summary.results)


def print_kept(console: Console, endpoint: str, bucket: str) -> None:
    """Print where to look in a run that was left up, and how to end it."""
    for line in (
        "",
        f"Still running at {endpoint}. Look around, for example with",
        "  .venv/bin/tidelake results",
        "  .venv/bin/tidelake check",
        "  .venv/bin/tidelake tail --from-start --limit 5",
        "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1",
        f"  aws --endpoint-url {endpoint} s3 ls s3://{bucket} --recursive",
        "and stop it with",
        "  .venv/bin/tidelake local down",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


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
    table = Table(
        title="Ledger: in = out + set aside",
        title_style="bold",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("hop", no_wrap=True)
    for name in ("in", "out", "set aside"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    counts, stream, raw, curated = summary.input, summary.stream, summary.raw, summary.curated
    rows = (
        (
            "lines -> events",
            counts.lines,
            counts.accepted,
            counts.rejected + counts.skipped,
            _aside(rejected=counts.rejected, skipped=counts.skipped),
        ),
        (
            "events -> data stream",
            counts.accepted,
            stream.events,
            counts.accepted - stream.events,
            "sent again",
        ),
        (
            "data stream -> raw zone",
            stream.records,
            raw.events,
            raw.conversion_failed,
            "conversion failed",
        ),
        (
            "raw zone -> curated",
            raw.events,
            curated.events,
            curated.duplicates + curated.quarantined,
            _aside(duplicates=curated.duplicates, quarantined=curated.quarantined),
        ),
    )
    for hop, came_in, went_out, aside, what in rows:
        table.add_row(hop, f"{came_in:,}", f"{went_out:,}", f"{aside:,}", what if aside else "")
    table.caption = f"raw objects: {raw.objects:,}, steps: {len(summary.steps):,}"
    table.caption_justify = "left"
    return table


def _aside(**counts: int) -> str:
    """What was set aside, a line a kind; the count only where there are two."""
    kinds = {name: count for name, count in counts.items() if count}
    if len(kinds) == 1:
        return next(iter(kinds))
    return "\n".join(f"{count:,} {name}" for name, count in kinds.items())
