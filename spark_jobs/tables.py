"""What each Iceberg table holds: its columns, its partitions and what a row stands for.

Columns are only ever added: a table that exists gets what it lacks, and keeps the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidelake.contract import lake
from tidelake.contract.schema import SOURCES, Field, Source, event_fields


@dataclass(frozen=True)
class Column:
    """One column, with its type by Spark's name."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table. `row` says what a row stands for, `partitions` are Iceberg's transforms."""

    name: str
    row: str
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)


MERGED = {
    # Nearly all of a batch is new: files of the day stay as they are, and new ones join them.
    "write.merge.mode": "merge-on-read",
    # What a concurrent run inserted since this one read is a conflict, not a second row.
    "write.merge.isolation-level": "serializable",
}

FIRST_INSERTION = (
    Column("batch_id", "string", "Batch that first inserted the event; never changes."),
    Column("first_object", "string", "Raw object that it was first inserted from; never changes."),
    Column("raw_hour", "timestamp", "Arrival hour of `first_object`; never changes."),
)


def _event_column(declared: Field) -> Column:
    return Column(declared.name, declared.type.value, declared.description)


def _events_table(source: Source) -> Table:
    """The typed events of one source, each once."""
    return Table(
        name=source.table,
        row=f"event of the source `{source.name}`, each `event_id` once",
        columns=(
            *(_event_column(declared) for declared in event_fields(source)),
            Column("raw_object", "string", "Raw object that the row's values are from."),
            *FIRST_INSERTION,
        ),
        partitions=("days(event_time)",),
        properties=MERGED,
    )


EVENTS = {source.name: _events_table(source) for source in SOURCES.values()}
"""Source name -> the table of its events."""

LEDGER = Table(
    name=lake.LEDGER_TABLE,
    row="raw object of a batch; all rows of a batch come in one commit, its last",
    columns=(
        Column("batch_id", "string", "The batch, as its manifest names it."),
        Column("raw_object", "string", "URI of the object."),
        Column("raw_hour", "timestamp", "Arrival hour, from the object's key; null without one."),
        Column("status", "string", "`read` or `unreadable`."),
        Column("reason", "string", "Why it is unreadable."),
        Column("read", "bigint", "Its rows = events + duplicates + quarantined."),
        Column("events", "bigint", "Rows of the event tables whose `first_object` it is."),
        Column("duplicates", "bigint", "Its rows whose event another row stands for."),
        Column("quarantined", "bigint", "Its rows that break the contract."),
        Column("committed_at", "timestamp", "When the batch was complete."),
    ),
    properties=MERGED,
)

QUARANTINE = Table(
    name=lake.QUARANTINE_TABLE,
    row="raw row that breaks the contract, or raw object that cannot be read",
    columns=(
        Column("batch_id", "string", "Batch that first set it aside."),
        Column("raw_object", "string", "URI of the object."),
        Column("raw_hour", "timestamp", "Arrival hour, from the object's key; null without one."),
        Column("row_index", "bigint", "The row's place in the object; null for a whole object."),
        Column("reason", "string", "The field and the rule that is broken, never the value."),
        Column("payload", "string", "The raw row as JSON; null for a whole object."),
        Column("quarantined_at", "timestamp", "When it was set aside."),
    ),
    properties=MERGED,
)

_SOURCE = Column("source", "string", "The source of the events.")
_DAY = Column("day", "date", "UTC day of the events.")

HOURLY = Table(
    name=lake.HOURLY_TABLE,
    row="hour, source, event type and status",
    columns=(
        Column("hour", "timestamp", "UTC hour of the events."),
        _SOURCE,
        Column("event_type", "string", "What happened, within the source."),
        Column("status", "string", "HTTP status, quality or operation; null for app events."),
        Column("events", "bigint", "Distinct events."),
        Column("actors", "bigint", "Distinct clients, devices, rows or users, approximately."),
        Column(
            "total",
            "double",
            "Sum of the measure: response bytes, reading or amount in minor units; null if none.",
        ),
        Column("p50", "double", "Median of the measure, approximately."),
        Column("p95", "double", "95th percentile of the measure, approximately."),
        Column("p99", "double", "99th percentile of the measure, approximately."),
    ),
    partitions=("days(hour)", "source"),
)

PATHS = Table(
    name=lake.PATHS_TABLE,
    row="day, source and request target or page; events without one are left out",
    columns=(
        _DAY,
        _SOURCE,
        Column("path", "string", "Request target of a web request, page of an app event."),
        Column("events", "bigint", "Distinct events."),
    ),
    partitions=("day", "source"),
)

SESSIONS = Table(
    name=lake.SESSIONS_TABLE,
    row="visit: a visitor's events, none more than 30 minutes after the one before",
    columns=(
        _SOURCE,
        Column("visitor", "string", "Client address of web requests, user id of app events."),
        Column("started_at", "timestamp", "Time of its first event, UTC."),
        Column("ended_at", "timestamp", "Time of its last event, UTC."),
        Column("events", "bigint", "Distinct events."),
    ),
    partitions=("days(started_at)", "source"),
)

DEVICES = Table(
    name=lake.DEVICES_TABLE,
    row="day, device, sensor type and unit",
    columns=(
        _DAY,
        Column("device_id", "string", "Device that measured."),
        Column("sensor_type", "string", "What was measured."),
        Column("unit", "string", "Unit of the readings."),
        Column("readings", "bigint", "Distinct readings."),
        Column("suspect", "bigint", "Those that failed a quality check."),
        Column("mean", "double", "Mean of the good readings; null without one, as the next three."),
        Column("deviation", "double", "Standard deviation of the good readings (population)."),
        Column("minimum", "double", "Smallest good reading."),
        Column("maximum", "double", "Largest good reading."),
        Column("last_at", "timestamp", "Time of the last reading, UTC."),
    ),
    partitions=("day",),
)

CURRENT_ROWS = Table(
    name=lake.CURRENT_ROWS_TABLE,
    row="row of a source database, as its latest change by source position left it",
    columns=(
        Column("database_name", "string", "Database of the row."),
        Column("schema_name", "string", "Schema of the row's table."),
        Column("table_name", "string", "Table of the row."),
        Column("row_key", "string", "Primary key, as JSON."),
        Column("source_position", "string", "Position of the latest change."),
        Column("event_id", "string", "Event of the latest change."),
        Column("event_time", "timestamp", "Time of the latest change, UTC."),
        Column("is_deleted", "boolean", "Whether that change deleted the row."),
        Column("row_data", "string", "The row as JSON; null once it is deleted."),
    ),
    partitions=("table_name",),
    properties=MERGED,
)

TABLES = (*EVENTS.values(), HOURLY, PATHS, SESSIONS, DEVICES, CURRENT_ROWS, QUARANTINE, LEDGER)
"""Every table that the jobs own."""
