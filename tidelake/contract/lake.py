"""The lake's layout: its zones, and which objects in them are data."""

from __future__ import annotations

from datetime import date, datetime

RAW_PREFIX = "streaming-data/"
ERROR_PREFIX = "streaming-errors/"
CURATED_PREFIX = "processed-data/"
MANIFEST_PREFIX = "manifests/"
EMR_LOG_PREFIX = "emr-logs/"
QUERY_RESULT_PREFIX = "query-results/"
SOURCE_PREFIX = "source-records/"
BATCH_RESULT_PREFIX = "batch-results/"
REPLAY_PREFIX = "replays/"
"""Markers of what was put back on the data stream; they never expire."""

RAW_SUFFIX = "parquet"
"""Of the objects that Firehose converts ("Understand file extension configuration" in its developer
guide)."""
RAW_PARTITION_COLUMNS = ("year", "month", "day", "hour")
RAW_DELIVERY_PREFIX = (
    f"{RAW_PREFIX}year=!{{timestamp:yyyy}}/month=!{{timestamp:MM}}"
    "/day=!{timestamp:dd}/hour=!{timestamp:HH}/"
)
"""Firehose's prefix expression: the arrival hour of an object's oldest record, UTC."""
ERROR_DELIVERY_PREFIX = f"{ERROR_PREFIX}!{{firehose:error-output-type}}/"

CATALOG = "lake"
"""Name of the Iceberg catalog in Spark; its tables live in Glue."""
LEDGER_TABLE = "ledger"
QUARANTINE_TABLE = "quarantine"
HOURLY_TABLE = "events_hourly"
PATHS_TABLE = "paths_daily"
DEVICES_TABLE = "devices_daily"
SESSIONS_TABLE = "sessions"
CURRENT_ROWS_TABLE = "current_rows"


def is_raw_data(key: str, size: int) -> bool:
    """Whether an object holds raw events: a non-empty object of the raw zone, neither a marker nor
    named as something else than Parquet. What has no suffix counts as Parquet."""
    name = key.rsplit("/", 1)[-1]
    is_named = bool(name) and name[0] not in "_."
    suffix = name.rpartition(".")[2] if "." in name else RAW_SUFFIX
    return key.startswith(RAW_PREFIX) and size > 0 and is_named and suffix.lower() == RAW_SUFFIX


def raw_hour_prefix(hour: datetime) -> str:
    """Prefix of the raw objects that arrived in an hour, UTC, as Firehose writes them."""
    return f"{RAW_PREFIX}{arrival_day_folder(hour)}hour={hour:%H}/"


def arrival_day_folder(day: date) -> str:
    """Folder of a raw zone with the objects that arrived on a day, UTC."""
    return f"year={day:%Y}/month={day:%m}/day={day:%d}/"


def manifest_key(batch_id: str) -> str:
    """Where the manifest of one batch lies in the lake bucket."""
    return f"{MANIFEST_PREFIX}{batch_id}.json"


def batch_result_key(batch_id: str) -> str:
    """Where the Spark job says what became of a batch, as JSON, after the ledger has it."""
    return f"{BATCH_RESULT_PREFIX}{batch_id}.json"
