"""The curated tables, read without Spark: the ledger and the aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError

from tidelake.contract.lake import CATALOG, HOURLY_TABLE, LEDGER_TABLE, PATHS_TABLE
from tidelake.local.endpoint import ACCESS_KEY, SECRET_KEY, local_client
from tidelake.local.settings import REGION
from tidelake.local.summary import CuratedCounts, Results

TOP_PATHS = 10
HOUR = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class CuratedTables:
    """The Iceberg tables of one Glue database, through the catalog of the local AWS."""

    catalog: Catalog
    database: str

    @classmethod
    def at(cls, endpoint: str, database: str) -> CuratedTables:
        files = {
            "s3.endpoint": endpoint,
            "s3.region": REGION,
            "s3.access-key-id": ACCESS_KEY,
            "s3.secret-access-key": SECRET_KEY,
        }
        # A client of ours: the one that pyiceberg makes heeds the shell's profile and proxy.
        return cls(GlueCatalog(CATALOG, client=local_client("glue", endpoint), **files), database)

    def counts(self) -> CuratedCounts:
        """What the batches made of the rows that they read, from the ledger."""
        ledger = self._read(LEDGER_TABLE, "events", "duplicates", "quarantined")
        return CuratedCounts(
            events=_total(ledger, "events"),
            duplicates=_total(ledger, "duplicates"),
            quarantined=_total(ledger, "quarantined"),
        )

    def results(self) -> Results:
        """The aggregates over everything curated; top paths with ties in path order."""
        hourly = self._read(HOURLY_TABLE, "hour", "status", "events", "total")
        paths = self._read(PATHS_TABLE, "path", "events")
        hours = pc.strftime(hourly["hour"].cast(HOUR), format="%Y-%m-%dT%H")
        hourly = hourly.append_column("utc_hour", hours)
        by_path = _sum_by(paths, "path")
        return Results(
            events_by_status={
                str(status): count for status, count in sorted(_sum_by(hourly, "status").items())
            },
            events_by_hour=dict(sorted(_sum_by(hourly, "utc_hour").items())),
            response_bytes=_total(hourly, "total"),
            top_paths=sorted(by_path.items(), key=lambda row: (-row[1], row[0]))[:TOP_PATHS],
        )

    def _read(self, table: str, *columns: str) -> pa.Table:
        try:
            scan = self.catalog.load_table((self.database, table)).scan(selected_fields=columns)
        except NoSuchTableError:
            # No step has committed yet: the table is empty, not wrong.
            return pa.table({column: pa.array([], pa.int64()) for column in columns})
        return scan.to_arrow()


def _total(table: pa.Table, column: str) -> int:
    total = pc.sum(table[column]).as_py()
    return 0 if total is None else int(total)


def _sum_by(table: pa.Table, key: str) -> dict[Any, int]:
    """`events` summed for each distinct, non-null `key`."""
    grouped = table.group_by(key).aggregate([("events", "sum")])
    pairs = zip(grouped[key].to_pylist(), grouped["events_sum"].to_pylist(), strict=True)
    return {name: count for name, count in pairs if name is not None}
