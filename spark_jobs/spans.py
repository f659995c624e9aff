"""Spans of time as SQL with literal bounds, by which Iceberg leaves out the files of other days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Touched:
    """What new events touch: their UTC days since 1970-01-01, ascending, and their outer times.

    `first` and `last` are whole seconds since 1970-01-01, rounded outwards.
    """

    days: tuple[int, ...]
    first: int
    last: int

    def runs_of_seconds(self, margin: int) -> list[tuple[int, int]]:
        """First and last second of each unbroken run of days, `margin` seconds wider.

        Of the outer days only what lies between `first` and `last` counts.
        """
        return [
            (
                max(first * SECONDS_PER_DAY, self.first) - margin,
                min((last + 1) * SECONDS_PER_DAY, self.last) + margin,
            )
            for first, last in unbroken(self.days)
        ]


def unbroken(days: Iterable[int]) -> list[tuple[int, int]]:
    """First and last day of each unbroken run of days."""
    runs: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if runs and day == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def within_days(column: str, days: Iterable[int]) -> str:
    """SQL that holds where a timestamp lies in one of the days; without any, nothing holds."""
    return within_seconds(
        column,
        ((first * SECONDS_PER_DAY, (last + 1) * SECONDS_PER_DAY) for first, last in unbroken(days)),
    )


def within_seconds(column: str, spans: Iterable[tuple[int, int]]) -> str:
    """SQL that holds where a timestamp lies in a span: its first second, the one after its end."""
    clauses = [
        f"({column} >= timestamp_seconds({first}) AND {column} < timestamp_seconds({end}))"
        for first, end in spans
    ]
    return " OR ".join(clauses) if clauses else "false"


def dates_within(column: str, days: Iterable[int]) -> str:
    """SQL that holds where a date is one of the days; without any, nothing holds."""
    clauses = [
        f"({column} >= date_from_unix_date({first}) AND {column} <= date_from_unix_date({last}))"
        for first, last in unbroken(days)
    ]
    return " OR ".join(clauses) if clauses else "false"
