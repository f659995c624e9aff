"""Whether the lake balances: for each raw object, rows = curated + duplicates + quarantined.

Pure comparison of what `observed` found. The columns that it rests on (`first_object`, `raw_hour`,
the ledger's first row of an object) never change once they are written, so neither a rerun nor
the expiry of snapshots changes the verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tidelake.lake.ledger import Hour, LedgerEntry


@dataclass(frozen=True)
class CuratedRows:
    """Rows of the event tables from one object, and how many distinct events they are."""

    rows: int
    ids: int


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What lies where, by the URI of the raw object.

    `raw` counts the rows by the Parquet footers; None stands for an object without a readable one.
    `outside` are objects of the ledger that were read from elsewhere and are gone.
    """

    raw: Mapping[str, int | None]
    hours: Mapping[str, Hour]
    ledger: Mapping[str, LedgerEntry]
    curated: Mapping[tuple[str, Hour], CuratedRows]
    quarantined: Mapping[str, int]
    outside: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class HourCheck:
    """The sums of one hour of raw objects, and every difference in it.

    `raw` leaves out what `unreadable` and `waiting` count as objects.
    """

    hour: Hour
    objects: int = 0
    raw: int = 0
    read: int = 0
    curated: int = 0
    duplicates: int = 0
    quarantined: int = 0
    unreadable: int = 0
    waiting: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`balanced`, `differs`, `waiting` (objects that no batch has finished) or `unverified`."""
        if self.differences:
            return "differs"
        if self.waiting:
            return "waiting"
        return "unverified" if self.unreadable else "balanced"


def check_hours(observed: Observed) -> list[HourCheck]:
    """Every hour of raw objects, in order, with the differences that it holds."""
    curated: dict[str, dict[Hour, CuratedRows]] = defaultdict(dict)
    for (uri, hour), rows in observed.curated.items():
        curated[uri][hour] = rows
    checks: dict[Hour, HourCheck] = {}
    uris = {*observed.raw, *observed.ledger, *curated, *observed.quarantined}
    for uri in sorted(uris):
        entry = observed.ledger.get(uri)
        hour = observed.hours.get(uri) if entry is None else entry.hour
        check = checks.setdefault(hour, HourCheck(hour=hour))
        _add(check, observed, uri, curated.get(uri, {}))
        for other, rows in curated.get(uri, {}).items():
            # Where the rows say that they are from, so that a moved row shows in both hours.
            checks.setdefault(other, HourCheck(hour=other)).curated += rows.rows
    return sorted(checks.values(), key=lambda check: (check.hour is not None, check.hour))


def _add(
    check: HourCheck, observed: Observed, uri: str, curated: Mapping[Hour, CuratedRows]
) -> None:
    """Add one object to its hour."""
    entry = observed.ledger.get(uri)
    check.objects += 1
    if entry is None:
        check.waiting += uri in observed.raw
    elif not entry.is_read or uri in observed.outside:
        check.unreadable += 1
    else:
        rows = observed.raw.get(uri)
        check.raw += 0 if rows is None else rows
        check.read += entry.read
        check.duplicates += entry.duplicates
        check.quarantined += entry.quarantined
    check.differences += [f"{uri}: {text}" for text in _differences(observed, uri, curated)]


def _differences(
    observed: Observed, uri: str, curated: Mapping[Hour, CuratedRows]
) -> Iterator[str]:
    """What does not add up about one object."""
    entry = observed.ledger.get(uri)
    rows = sum(counts.rows for counts in curated.values())
    set_aside = observed.quarantined.get(uri, 0)
    if entry is None or not entry.is_read:
        said = (
            "is not in the ledger, as while its batch runs"
            if entry is None
            else "is unreadable by the ledger"
        )
        if rows or set_aside:
            yield f"{said}, but {rows:,} events and {set_aside:,} quarantined rows are from it"
        return
    yield from _raw_differences(observed, uri, entry)
    kept = entry.events + entry.duplicates + entry.quarantined
    if entry.read != kept:
        yield f"the ledger read {entry.read:,} rows, but accounts for {kept:,}"
    if rows != entry.events:
        yield f"{entry.events:,} events by the ledger, {rows:,} rows in the event tables"
    doubled = rows - sum(counts.ids for counts in curated.values())
    if doubled:
        yield f"{doubled:,} rows of the event tables repeat an event"
    for hour, counts in curated.items():
        if hour != entry.hour:
            yield f"{counts.rows:,} events lie under {hour_text(hour)}"
    if set_aside != entry.quarantined:
        yield f"{entry.quarantined:,} quarantined by the ledger, {set_aside:,} in the quarantine"


def _raw_differences(observed: Observed, uri: str, entry: LedgerEntry) -> Iterator[str]:
    if uri in observed.outside:
        return
    if uri not in observed.raw:
        yield f"the ledger read {entry.read:,} rows, but the object is gone"
        return
    rows = observed.raw[uri]
    if rows is None:
        yield f"the ledger read {entry.read:,} rows, but the object is no readable Parquet"
    elif rows != entry.read:
        yield f"{rows:,} raw rows, but the ledger read {entry.read:,}"


def hour_text(hour: Hour) -> str:
    """`2026-11-22T10` for an hour of arrival."""
    return "no hour" if hour is None else f"{hour:%Y-%m-%dT%H}"
