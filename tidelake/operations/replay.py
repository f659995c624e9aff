"""What `tidelake replay` does: finds the environment and its set-aside records, and reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rich.console import Console

from tidelake.lake.replay import ReplayReport, load_repair, replay, sender
from tidelake.lake.set_aside import Markers, failed_records, quarantined_rows
from tidelake.local.deployed import deployed
from tidelake.local.progress import stage
from tidelake.local.target import open_stream


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What one replay is asked for: the quarantine, or else the error zone."""

    quarantine: bool
    environment: str
    stream: str | None
    repair: str | None
    since: datetime | None
    dry_run: bool


def replay_set_aside(options: ReplayOptions, console: Console) -> ReplayReport:
    """Put the records back and say what became of each.

    Raises ConfigurationError for a repair that cannot be imported, DeliveryError when the data
    stream did not take all.
    """
    repair = None if options.repair is None else load_repair(options.repair)
    found = deployed(options.environment)
    transport, stream = open_stream(options.environment, options.stream)
    if options.quarantine:
        records = quarantined_rows(found.tables, options.since)
    else:
        records = failed_records(found.files, options.since)
    title = "see what could be replayed" if options.dry_run else f"replay to {stream}"
    with stage(console, title):
        report = replay(
            records,
            Markers(found.files),
            sender(transport, stream),
            repair=repair,
            dry_run=options.dry_run,
        )
    verb = "would be replayed" if options.dry_run else "replayed"
    left = report.left.total()
    console.print(
        f"{report.found:,} records were set aside: {report.replayed:,} {verb}, "
        f"{report.already:,} replayed before, {left:,} left",
        highlight=False,
        soft_wrap=True,
    )
    for reason, count in report.left.most_common():
        console.print(f"  left {count:,}: {reason}", markup=False, highlight=False, soft_wrap=True)
    return report
