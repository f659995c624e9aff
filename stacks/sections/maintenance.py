"""What may be configured of the upkeep of the curated tables."""

from __future__ import annotations

from dataclasses import dataclass

from stacks.options import option


@dataclass(frozen=True, kw_only=True)
class MaintenanceConfig:
    """Compaction of small files, expiry of snapshots, removal of orphans."""

    schedule: str = option(
        "cron(30 2 * * ? *)",
        "When a maintenance step is asked for, in UTC; empty for never.",
        pattern=r"(cron\(\S+( \S+){5}\)|rate\([1-9]\d* (minutes?|hours?|days?)\))?",
        pattern_text="empty, or an expression of EventBridge Scheduler, such as rate(1 days)",
    )
    target_file_mib: int = option(
        128, "Size of the data files that small ones become.", minimum=1, maximum=1_024
    )
    snapshot_days: int = option(
        7, "How long snapshots of a table are kept.", minimum=1, maximum=365
    )
    orphan_hours: int = option(
        72,
        "Age from which on files that no table knows are deleted; never below 24, since a writer "
        "may be about to commit them.",
        minimum=24,
        maximum=8_760,
    )
