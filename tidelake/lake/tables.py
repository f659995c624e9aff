"""The curated tables, read without Spark: which there are, and their rows as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

from tidelake.contract.errors import ConfigurationError


@dataclass(frozen=True)
class CuratedTables:
    """The Iceberg tables of one Glue database."""

    catalog: Catalog
    database: str

    def names(self) -> list[str]:
        """Every Iceberg table, in order; none before the first step has made them."""
        try:
            return sorted(name for *_, name in self.catalog.list_tables(self.database))
        except NoSuchNamespaceError:
            return []

    def columns(self, table: str) -> dict[str, str]:
        """Column -> type, by Iceberg's name. Raises ConfigurationError for an unknown table."""
        return {field.name: str(field.field_type) for field in self._load(table).schema().fields}

    def read(
        self,
        table: str,
        columns: tuple[str, ...] = ("*",),
        where: str = "true",
    ) -> pa.RecordBatchReader:
        """The rows of the current snapshot, in a stream; rows that were deleted are left out.

        `where` is a condition in pyiceberg's words, such as `raw_hour >= '2026-11-22T10:00:00Z'`.
        Raises ConfigurationError for an unknown table.
        """
        scan = self._load(table).scan(row_filter=where, selected_fields=columns)
        return scan.to_arrow_batch_reader()

    def _load(self, table: str) -> Any:
        try:
            return self.catalog.load_table((self.database, table))
        except (NoSuchTableError, NoSuchNamespaceError) as error:
            names = self.names()
            allowed = ", ".join(names) if names else "none yet: no step has made the tables"
            raise ConfigurationError("table", table, allowed) from error
