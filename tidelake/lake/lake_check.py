"""What `tidelake check` does: every comparison, as one result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tidelake.lake.check import HourCheck, check_hours, hour_text
from tidelake.lake.files import LakeFiles
from tidelake.lake.observed import Period, observe
from tidelake.lake.receipts_check import ReceiptCheck, check_receipts, unreplayed
from tidelake.lake.set_aside import Markers, failed_records, quarantined_rows
from tidelake.lake.tables import CuratedTables


@dataclass(frozen=True, kw_only=True)
class LakeCheck:
    """Every hour of the period, the receipts if there are any, and what waits for a replay."""

    hours: list[HourCheck]
    receipts: ReceiptCheck | None
    unreplayed_failures: int
    unreplayed_rows: int

    @property
    def problems(self) -> list[str]:
        """Each difference with its place; empty when the lake balances."""
        return list(self._problems())

    @property
    def is_unverified(self) -> bool:
        """Whether an hour has objects whose rows nobody could count."""
        return any(check.unreadable for check in self.hours)

    def _problems(self) -> Iterator[str]:
        for check in self.hours:
            yield from (f"{hour_text(check.hour)}: {text}" for text in check.differences)
            if check.waiting:
                yield (
                    f"{hour_text(check.hour)}: {check.waiting:,} objects wait: no batch that has "
                    "ended was given them"
                )
        if self.receipts is not None and self.receipts.missing:
            yield (
                f"receipts: {self.receipts.missing:,} of {self.receipts.accepted:,} accepted "
                "events are neither in the raw zone nor among the unreplayed conversion failures, "
                f"such as {', '.join(self.receipts.examples)}"
            )

    def document(self) -> dict[str, object]:
        """The same for `--json`."""
        hours = [
            {**asdict(check), "hour": hour_text(check.hour), "verdict": check.verdict}
            for check in self.hours
        ]
        return {
            "balanced": not self.problems,
            "unverified": self.is_unverified,
            "hours": hours,
            "receipts": None if self.receipts is None else asdict(self.receipts),
            "unreplayed": {
                "conversion_failures": self.unreplayed_failures,
                "quarantined_rows": self.unreplayed_rows,
            },
            "problems": self.problems,
        }


def check_lake(
    files: LakeFiles, tables: CuratedTables, period: Period, receipts: Path | None = None
) -> LakeCheck:
    """Check the hours of a period, and a receipts file against the whole raw zone."""
    markers = Markers(files)
    return LakeCheck(
        receipts=None if receipts is None else check_receipts(receipts, files),
        hours=check_hours(observe(files, tables, period)),
        unreplayed_failures=sum(1 for _ in unreplayed(failed_records(files), markers)),
        unreplayed_rows=sum(1 for _ in unreplayed(quarantined_rows(tables), markers)),
    )
