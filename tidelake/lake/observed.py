"""Reading what `check` compares: raw footers, ledger, event tables and quarantine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from tidelake.contract.lake import LEDGER_TABLE, QUARANTINE_TABLE, RAW_PREFIX, is_raw_data
from tidelake.contract.schema import SOURCES
from tidelake.lake.check import CuratedRows, Observed
from tidelake.lake.files import LakeFiles, plain_uri
from tidelake.lake.ledger import LEDGER_COLUMNS, Hour, ledger_entries
from tidelake.lake.sql import Part, copied, rows_of
from tidelake.lake.tables import CuratedTables

READERS = 16
"""Footers read at once: each is a wait for the store, not work."""

_EVENT_COLUMNS = ("event_id", "first_object", "raw_hour")
_QUARANTINE_COLUMNS = ("raw_object", "raw_hour", "row_index")
_HOUR = re.compile(r"year=(\d{4})/month=(\d{2})/day=(\d{2})/hour=(\d{2})/")


@dataclass(frozen=True)
class Period:
    """Hours of arrival: from `since` on, before `until`; without bounds all, also keys without."""

    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def between(cls, since: datetime | None, until: datetime | None) -> Period:
        """From the hour that `since` lies in to the one before that of `until`."""
        return cls(_start_of_hour(since), _start_of_hour(until))

    def holds(self, hour: Hour) -> bool:
        if hour is None:
            return self.since is None and self.until is None
        after = self.since is None or hour >= self.since
        return after and (self.until is None or hour < self.until)

    def condition(self, column: str) -> str:
        """The same for a column of an Iceberg table, in pyiceberg's words."""
        bounds = []
        if self.since is not None:
            bounds.append(f"{column} >= '{self.since.isoformat()}'")
        if self.until is not None:
            bounds.append(f"{column} < '{self.until.isoformat()}'")
        return " and ".join(bounds) if bounds else "true"


def _start_of_hour(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(minute=0, second=0, microsecond=0)


def observe(files: LakeFiles, tables: CuratedTables, period: Period) -> Observed:
    """Count every hop of the objects that arrived in the period.

    The raw zone is listed before the tables are read: what a batch commits meanwhile is then in
    both or in the tables alone, and shows as a difference only while that batch runs.
    """
    listed = raw_sizes(files, period)
    wanted = _parts(tables, period)
    with copied(tables, wanted) as engine:
        ledger = ledger_entries(engine) if LEDGER_TABLE in wanted else {}
        curated = _curated(engine, [name for name in _event_tables() if name in wanted])
        quarantined = _quarantined(engine) if QUARANTINE_TABLE in wanted else {}
    in_lake = files.uri(RAW_PREFIX)
    elsewhere = {uri for uri in ledger if not uri.startswith(in_lake)}
    # An object without bytes is no data, unless a batch was given it.
    named = [uri for uri, size in listed.items() if uri in ledger or _is_data(files, uri, size)]
    rows = raw_rows(files, [*named, *elsewhere])
    return Observed(
        raw=rows,
        hours={uri: arrival_hour(uri) for uri in rows},
        ledger=ledger,
        curated=curated,
        quarantined=quarantined,
        outside=frozenset(elsewhere - set(rows)),
    )


def arrival_hour(uri: str) -> Hour:
    """The hour of arrival in a raw object's key."""
    match = _HOUR.search(uri)
    if match is None:
        return None
    year, month, day, hour = map(int, match.groups())
    return datetime(year, month, day, hour, tzinfo=UTC)


def raw_sizes(files: LakeFiles, period: Period) -> dict[str, int]:
    """URI -> bytes of every object of the raw zone that arrived in the period."""
    uris = {files.uri(key): size for key, size in files.sizes(RAW_PREFIX).items()}
    return {uri: size for uri, size in uris.items() if period.holds(arrival_hour(uri))}


def raw_objects(files: LakeFiles, period: Period) -> list[str]:
    """The URIs of the raw zone's data."""
    return [uri for uri, size in raw_sizes(files, period).items() if _is_data(files, uri, size)]


def raw_rows(files: LakeFiles, uris: Iterable[str]) -> dict[str, int | None]:
    """Rows by the Parquet footer; None for what is no Parquet. What is gone is left out."""

    def count(uri: str) -> tuple[str, int | None] | None:
        try:
            return uri, files.rows(uri)
        except FileNotFoundError:
            return None
        except pa.ArrowInvalid:
            return uri, None

    with ThreadPoolExecutor(max_workers=READERS) as readers:
        return dict(found for found in readers.map(count, uris) if found is not None)


def _is_data(files: LakeFiles, uri: str, size: int) -> bool:
    return is_raw_data(uri.removeprefix(files.uri("")), size)


def _event_tables() -> list[str]:
    return [source.table for source in SOURCES.values()]


def _parts(tables: CuratedTables, period: Period) -> dict[str, Part]:
    """What is read of those tables that are there."""
    columns = {
        LEDGER_TABLE: LEDGER_COLUMNS,
        QUARANTINE_TABLE: _QUARANTINE_COLUMNS,
        **dict.fromkeys(_event_tables(), _EVENT_COLUMNS),
    }
    within = period.condition("raw_hour")
    there = set(tables.names())
    return {name: Part(found, within) for name, found in columns.items() if name in there}


def _curated(
    engine: duckdb.DuckDBPyConnection, names: list[str]
) -> dict[tuple[str, Hour], CuratedRows]:
    """Rows and distinct events by object and hour; one object may hold events of many tables."""
    found: dict[tuple[str, Hour], CuratedRows] = {}
    for name in names:
        for uri, hour, rows, ids in rows_of(
            engine.table(name),
            "SELECT first_object, raw_hour, count(*), count(DISTINCT event_id) FROM copy "
            "GROUP BY ALL",
        ):
            place = plain_uri(uri), hour
            others = found.get(place, CuratedRows(0, 0))
            found[place] = CuratedRows(others.rows + rows, others.ids + ids)
    return found


def _quarantined(engine: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows set aside of each object, each place in it once; whole objects are not counted."""
    rows = rows_of(
        engine.table(QUARANTINE_TABLE),
        "SELECT raw_object, count(DISTINCT row_index) FROM copy "
        "WHERE row_index IS NOT NULL GROUP BY ALL",
    )
    return {plain_uri(uri): count for uri, count in rows}
