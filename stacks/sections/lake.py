"""What may be configured of the lake bucket and its catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option
from tidelake.contract import lake
from tidelake.contract.schema import SOURCES

_CURATED = {
    *(source.table for source in SOURCES.values()),
    *(lake.HOURLY_TABLE, lake.PATHS_TABLE, lake.DEVICES_TABLE, lake.SESSIONS_TABLE),
    *(lake.CURRENT_ROWS_TABLE, lake.QUARANTINE_TABLE, lake.LEDGER_TABLE),
}
"""The tables that the Spark job makes in the same database."""
_CATALOG_NAME = r"[a-z0-9_]{1,255}"
_CATALOG_NAME_TEXT = "1 to 255 lowercase letters, digits and underscores"


@dataclass(frozen=True, kw_only=True)
class LakeConfig:
    """The lake bucket, and the Glue database with the raw table."""

    database_name: str = option(
        "streaming_db",
        "Glue database; environments that share an account need different ones.",
        pattern=_CATALOG_NAME,
        pattern_text=_CATALOG_NAME_TEXT,
    )
    raw_table_name: str = option(
        "log_events",
        "Glue table of the raw events.",
        pattern=_CATALOG_NAME,
        pattern_text=_CATALOG_NAME_TEXT,
    )
    first_year: int = option(
        2025, "First year of the raw table's partitions.", minimum=2000, maximum=2100
    )
    last_year: int = option(
        2035, "Last year of the raw table's partitions.", minimum=2000, maximum=2100
    )
    raw_infrequent_access_days: int = option(
        90,
        "Age at which raw objects move to infrequent access; S3 takes no less than 30.",
        minimum=30,
        maximum=3_650,
    )
    error_expiry_days: int = option(
        90,
        "Age at which records that Firehose could not deliver are deleted.",
        minimum=1,
        maximum=3_650,
    )
    manifest_expiry_days: int = option(
        365,
        "Age at which manifests, and the results of their batches, are deleted.",
        minimum=1,
        maximum=3_650,
    )
    emr_log_expiry_days: int = option(
        30, "Age at which the cluster's logs are deleted.", minimum=1, maximum=3_650
    )
    old_version_expiry_days: int = option(
        30, "How long overwritten and deleted objects are kept.", minimum=1, maximum=3_650
    )
    access_log_expiry_days: int = option(
        90, "Age at which the log of requests to the lake is deleted.", minimum=1, maximum=3_650
    )
    query_result_expiry_days: int = option(
        7, "Age at which results of Athena queries are deleted.", minimum=1, maximum=3_650
    )
    query_scan_limit_mib: int = option(
        10_240,
        "Most that one Athena query may scan; Athena takes no less than 10 MB.",
        minimum=10,
        maximum=1_048_576,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if self.last_year < self.first_year:
            yield "last_year", self.last_year, f"first_year ({self.first_year}) or later"
        if self.raw_table_name in _CURATED:
            yield "raw_table_name", self.raw_table_name, "a name that no curated table has"
