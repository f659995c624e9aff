"""The few ways in which the jobs change the tables.

Every change is one atomic commit, validated against concurrent ones, and without effect when it is
made again. A commit that loses a race reads anew and tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from spark_jobs.java_errors import condition
from spark_jobs.retries import retried
from spark_jobs.spans import within_days
from spark_jobs.tables import CURRENT_ROWS, EVENTS, FIRST_INSERTION, Table
from tidelake.contract.errors import SchemaConflictError
from tidelake.contract.lake import CATALOG
from tidelake.contract.schema import Source

_FORMAT = {"format-version": "2"}


@dataclass(frozen=True)
class Tables:
    """The tables of one Glue database."""

    spark: SparkSession
    database: str

    def name(self, table: str) -> str:
        """A table's name in Spark."""
        return f"{CATALOG}.{self.database}.{table}"

    def read(self, table: Table) -> DataFrame:
        """A table as it is now."""
        return self.spark.table(self.name(table.name))

    def exists(self, table: Table) -> bool:
        return self._columns(table) is not None

    def provide(self, *tables: Table) -> None:
        """Create the tables that do not exist, and add the columns that others lack.

        Raises SchemaConflictError when a column has another type than the jobs write.
        """
        for table in tables:
            retried(lambda table=table: self._provide(table))  # type: ignore[misc]

    def merge_events(self, events: DataFrame, source: Source, days: Iterable[int]) -> None:
        """Insert the events that the table lacks; of duplicates the earliest stays.

        Earlier is by `ingest_time`, then the raw object's name. A row that gives way leaves the
        account of its first insertion. `days` are all the event days in `events`; only those are
        read. One `event_id` has one `event_time`.
        """
        table = EVENTS[source.name]
        kept = {column.name for column in FIRST_INSERTION}
        self._merge(
            table,
            events,
            on=f"t.event_id = s.event_id AND ({within_days('t.event_time', days)})",
            update_if=(
                "s.ingest_time < t.ingest_time OR "
                "(s.ingest_time = t.ingest_time AND s.raw_object < t.raw_object)"
            ),
            updated=[name for name in table.names if name not in kept],
        )

    def merge_current_rows(self, rows: DataFrame) -> None:
        """Let each row be what its latest change by source position left, whatever came first."""
        key = ("database_name", "schema_name", "table_name", "row_key")
        self._merge(
            CURRENT_ROWS,
            rows,
            on=" AND ".join(f"t.{column} <=> s.{column}" for column in key),
            update_if=(
                "s.source_position > t.source_position OR "
                "(s.source_position = t.source_position AND s.event_id > t.event_id)"
            ),
            updated=[name for name in CURRENT_ROWS.names if name not in key],
        )

    def insert_once(self, table: Table, rows: DataFrame, *, on: str, update_if: str) -> None:
        """Insert the rows that the table lacks; those that match and `update_if` are replaced."""
        self._merge(table, rows, on=on, update_if=update_if, updated=table.names)

    def replace(self, table: Table, compute: Callable[[], tuple[str, DataFrame]]) -> None:
        """Put rows in the place of all that the table has in a scope.

        `compute` reads what it needs and returns the scope, as SQL that covers whole partitions,
        and the rows. A commit within the scope since it was called is a conflict: it may have
        known more.
        """

        def commit() -> None:
            base = self._snapshot(table)
            scope, rows = compute()
            writer = rows.writeTo(self.name(table.name)).option("isolation-level", "serializable")
            # Without a base all that the table has was committed meanwhile.
            if base is not None:
                writer = writer.option("validate-from-snapshot-id", str(base))
            writer.overwrite(fn.expr(scope))

        retried(commit)

    def _merge(
        self, table: Table, rows: DataFrame, *, on: str, update_if: str, updated: Sequence[str]
    ) -> None:
        """A MERGE that is checked against concurrent ones, and repeated after a conflict.

        Without WHEN MATCHED it would commit as a plain append, which Iceberg does not check: two
        runs would insert one row twice (github.com/apache/iceberg/issues/12653).
        """
        view = f"new_{table.name}"
        rows.createOrReplaceTempView(view)
        columns = ", ".join(table.names)
        values = ", ".join(f"s.{name}" for name in table.names)
        assignments = ", ".join(f"t.{name} = s.{name}" for name in updated)
        clauses = (
            f"MERGE INTO {self.name(table.name)} t USING {view} s ON {on}",
            f"WHEN MATCHED AND ({update_if}) THEN UPDATE SET {assignments}",
            f"WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})",  # noqa: S608  our own columns
        )
        retried(lambda: self.spark.sql("\n".join(clauses)))

    def _snapshot(self, table: Table) -> int | None:
        """The current snapshot's id; None as long as nothing was committed."""
        refs = self.spark.table(f"{self.name(table.name)}.refs").where("name = 'main'")
        rows = refs.select("snapshot_id").collect()
        return int(rows[0]["snapshot_id"]) if rows else None

    def _columns(self, table: Table) -> dict[str, str] | None:
        """Column name -> type of a table as it is; None if it does not exist."""
        try:
            schema = self.read(table).schema
        except AnalysisException as error:
            if condition(error) != "TABLE_OR_VIEW_NOT_FOUND":
                raise
            return None
        return {column.name: column.dataType.simpleString() for column in schema}

    def _provide(self, table: Table) -> None:
        present = self._columns(table)
        if present is None:
            self._create(table)
            return
        for column in table.columns:
            if present.get(column.name, column.type) != column.type:
                raise SchemaConflictError(
                    table.name, column.name, present[column.name], column.type
                )
        missing = [column for column in table.columns if column.name not in present]
        if missing:
            added = ", ".join(f"{column.name} {column.type}" for column in missing)
            try:
                self.spark.sql(f"ALTER TABLE {self.name(table.name)} ADD COLUMNS ({added})")
            except AnalysisException:
                # Another run may have added them meanwhile; what matters is that they are there.
                columns = self._columns(table)
                if columns is None or any(column.name not in columns for column in missing):
                    raise

    def _create(self, table: Table) -> None:
        partitions = f"PARTITIONED BY ({', '.join(table.partitions)})" if table.partitions else ""
        properties = ", ".join(
            f"'{key}' = '{value}'" for key, value in (_FORMAT | dict(table.properties)).items()
        )
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self.name(table.name)} ({table.ddl}) USING iceberg "
            f"{partitions} TBLPROPERTIES ({properties})"
        )
