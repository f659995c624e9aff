"""The Iceberg tables: their definitions, and the few ways in which a batch changes them.

Every change is one atomic commit that a second run of the same batch leaves without effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from spark_jobs.aggregates import AGGREGATES, Aggregate
from tidelake.contract.lake import CATALOG, LEDGER_TABLE, QUARANTINE_TABLE
from tidelake.contract.schema import SOURCES, Source, event_fields, spark_ddl

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Tables:
    """The tables of one Glue database."""

    spark: SparkSession
    database: str

    def name(self, table: str) -> str:
        """A table's name in Spark."""
        return f"{CATALOG}.{self.database}.{table}"

    def create_missing(self) -> None:
        """Create the tables that do not exist yet; the database does."""
        for source in SOURCES.values():
            columns = f"{spark_ddl(event_fields(source))}, batch_id string, raw_object string"
            self._create(source.table, columns, "days(event_time)", **_MERGE_PROPERTIES)
            for aggregate in AGGREGATES.get(source.name, ()):
                self._create(aggregate.table, aggregate.ddl, aggregate.partitioned_by)
        self._create(QUARANTINE_TABLE, _QUARANTINE_DDL, None)
        self._create(LEDGER_TABLE, _LEDGER_DDL, None)

    def merge_events(self, events: DataFrame, source: Source, days: Iterable[int]) -> None:
        """Insert the events that the table lacks; of duplicates the earliest stays.

        Earlier is by `ingest_time`, then the raw object's name. A row that gives way keeps its
        `batch_id`: it names the batch that first inserted the event. `days` are all the event days
        in `events`, since 1970-01-01; only those are read. One `event_id` has one `event_time`.
        """
        events.createOrReplaceTempView("batch_events")
        assignments = ", ".join(
            f"t.{column} = s.{column}" for column in events.columns if column != "batch_id"
        )
        # A MERGE without WHEN MATCHED commits as a plain append, which Iceberg does not check
        # against a concurrent run; this one is, under serializable isolation.
        self.spark.sql(
            f"MERGE INTO {self.name(source.table)} t USING batch_events s "
            f"ON t.event_id = s.event_id AND ({within_days('t.event_time', days)}) "
            "WHEN MATCHED AND (s.ingest_time < t.ingest_time OR "
            "(s.ingest_time = t.ingest_time AND s.raw_object < t.raw_object)) "
            f"THEN UPDATE SET {assignments} "
            "WHEN NOT MATCHED THEN INSERT *"
        )

    def events_of_days(self, source: Source, days: Iterable[int]) -> DataFrame:
        """The events of some event days, as the table has them now."""
        return self.spark.table(self.name(source.table)).where(within_days("event_time", days))

    def replace_days(self, aggregate: Aggregate, rows: DataFrame) -> None:
        """Put `rows` in the place of all that the table has of their days."""
        rows.writeTo(self.name(aggregate.table)).overwritePartitions()

    def append_once(self, table: str, rows: DataFrame, batch_id: str) -> None:
        """Append the rows of one batch, unless the table has rows of that batch."""
        if not self.has_batch(table, batch_id):
            rows.writeTo(self.name(table)).append()

    def has_batch(self, table: str, batch_id: str) -> bool:
        """Whether a table has rows of a batch."""
        rows = self.spark.table(self.name(table)).where(fn.col("batch_id") == batch_id)
        return bool(rows.limit(1).collect())

    def _create(
        self, table: str, columns: str, partitioned_by: str | None, **properties: str
    ) -> None:
        partitions = "" if partitioned_by is None else f"PARTITIONED BY ({partitioned_by})"
        listing = ", ".join(
            f"'{key}' = '{value}'" for key, value in (_PROPERTIES | properties).items()
        )
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self.name(table)} ({columns}) USING iceberg "
            f"{partitions} TBLPROPERTIES ({listing})"
        )


def within_days(column: str, days: Iterable[int]) -> str:
    """SQL that holds where a timestamp lies in one of the days, with literal bounds.

    Iceberg leaves out the other days' files by it. Days are counted from 1970-01-01, UTC; without
    any, nothing holds.
    """
    runs: list[list[int]] = []
    for day in sorted(set(days)):
        if runs and day == runs[-1][1] + 1:
            runs[-1][1] = day
        else:
            runs.append([day, day])
    clauses = (
        f"({column} >= timestamp_seconds({first * SECONDS_PER_DAY}) AND "
        f"{column} < timestamp_seconds({(last + 1) * SECONDS_PER_DAY}))"
        for first, last in runs
    )
    return " OR ".join(clauses) if runs else "false"


_PROPERTIES = {"format-version": "2"}
_MERGE_PROPERTIES = {
    # Nearly all of a batch is new: files of the day stay as they are, and new ones join them.
    "write.merge.mode": "merge-on-read",
    "write.merge.isolation-level": "serializable",
}
_QUARANTINE_DDL = "batch_id string, raw_object string, reason string, payload string"
_LEDGER_DDL = (
    "batch_id string, objects int, read bigint, events bigint, duplicates bigint, "
    "quarantined bigint, committed_at timestamp"
)
