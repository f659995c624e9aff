"""The ledger of the Spark jobs: what became of the rows of each raw object."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import duckdb

from tidelake.contract.lake import LEDGER_TABLE
from tidelake.lake.files import plain_uri
from tidelake.lake.sql import Part, copied, rows_of
from tidelake.lake.tables import CuratedTables

LEDGER_COLUMNS = (
    *("raw_object", "raw_hour", "status", "read", "events", "duplicates", "quarantined"),
    *("committed_at", "batch_id"),
)

Hour: TypeAlias = datetime | None
"""An hour of arrival, UTC; None for an object whose key has none."""


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """What the ledger says of one raw object: read = events + duplicates + quarantined."""

    hour: Hour
    is_read: bool
    read: int
    events: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, kw_only=True)
class CuratedCounts:
    """Rows of all raw objects, and the objects that no batch could read."""

    events: int
    duplicates: int
    quarantined: int
    unreadable: int = 0

    @classmethod
    def of(cls, entries: Collection[LedgerEntry]) -> CuratedCounts:
        return cls(
            events=sum(entry.events for entry in entries),
            duplicates=sum(entry.duplicates for entry in entries),
            quarantined=sum(entry.quarantined for entry in entries),
            unreadable=sum(not entry.is_read for entry in entries),
        )

    @property
    def read(self) -> int:
        return self.events + self.duplicates + self.quarantined


def read_counts(tables: CuratedTables) -> CuratedCounts:
    """The sums of the ledger, each raw object once; zeros before the first batch is done."""
    return CuratedCounts.of(read_entries(tables).values())


def read_entries(tables: CuratedTables) -> dict[str, LedgerEntry]:
    """URI -> the entry of each raw object that a batch has taken; none before the first is done."""
    if LEDGER_TABLE not in tables.names():
        return {}
    with copied(tables, {LEDGER_TABLE: Part(LEDGER_COLUMNS)}) as engine:
        return ledger_entries(engine)


def ledger_entries(engine: duckdb.DuckDBPyConnection) -> dict[str, LedgerEntry]:
    """URI -> the entry that counts of each object: the first that read it, or else the first."""
    rows = rows_of(
        engine.table(LEDGER_TABLE),
        "SELECT raw_object, raw_hour, status = 'read' AS is_read, read, events, duplicates, "
        "quarantined FROM copy QUALIFY row_number() OVER (PARTITION BY raw_object "
        "ORDER BY status = 'read' DESC, committed_at, batch_id) = 1",
    )
    return {
        plain_uri(uri): LedgerEntry(
            hour=hour,
            is_read=is_read,
            read=read,
            events=events,
            duplicates=duplicates,
            quarantined=quarantined,
        )
        for uri, hour, is_read, read, events, duplicates, quarantined in rows
    }
