"""A table for a person, JSON for a program, and an exit status for a shell."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path("build/benches")


@dataclass(frozen=True)
class Target:
    """A figure that a benchmark holds, or does not."""

    what: str
    """Such as `CPU of the parser / the peer's`."""
    measured: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_met(self) -> bool:
        too_high = self.at_most is not None and self.measured > self.at_most
        too_low = self.at_least is not None and self.measured < self.at_least
        return not (too_high or too_low)

    def __str__(self) -> str:
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (("at most", self.at_most), ("at least", self.at_least))
            if bound is not None
        ]
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.what}: {self.measured:.2f}, {' and '.join(bounds)}: {verdict}"


def report(
    name: str,
    rows: Sequence[Mapping[str, str | float]],
    targets: Sequence[Target],
    *,
    console: Console | None = None,
    folder: Path = RESULTS,
) -> int:
    """Print the rows, which all have the same columns, and write `<name>.json`.

    Returns 1 where a target is missed, 0 otherwise.
    """
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    out = Console() if console is None else console
    out.print(table)
    for target in targets:
        out.print(str(target), markup=False, highlight=False, soft_wrap=True)
    folder.mkdir(parents=True, exist_ok=True)
    measured = {
        "bench": name,
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count()},
        "rows": list(rows),
        "targets": [{**asdict(target), "met": target.is_met} for target in targets],
    }
    (folder / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n")
    return 0 if all(target.is_met for target in targets) else 1
