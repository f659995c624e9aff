"""From judged raw rows to typed events and to quarantined rows; pure DataFrame transforms.

A judged row is a raw row with `reason`, the rule of the contract that it breaks, or null.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as fn

from spark_jobs.contract_rules import broken_rule
from spark_jobs.raw_events import RAW_COLUMNS
from tidelake.contract.schema import Source, event_fields


def judge(raw: DataFrame) -> DataFrame:
    """The raw rows, each with the `reason` to quarantine it, or null."""
    return raw.withColumn("reason", broken_rule())


def event_day() -> Column:
    """The UTC day of an event, as days since 1970-01-01. The session's time zone is UTC."""
    return fn.unix_date(fn.to_date("event_time"))


def distinct_events(judged: DataFrame, source: Source, batch_id: str) -> DataFrame:
    """The events of one source that keep the contract, each `event_id` once.

    Of duplicates the earliest wins: by `ingest_time`, then the object's name, then its place in
    that object. Columns: the source's fields, `batch_id`, `raw_object`.
    """
    earliest = Window.partitionBy("event_id").orderBy("ingest_time", "raw_object", "row_index")
    return (
        judged.where(fn.col("reason").isNull() & (fn.col("source") == source.name))
        .withColumn("rank", fn.row_number().over(earliest))
        .where("rank = 1")
        .select(
            *(field.name for field in event_fields(source)),
            fn.lit(batch_id).alias("batch_id"),
            "raw_object",
        )
    )


def quarantined_rows(judged: DataFrame, batch_id: str) -> DataFrame:
    """The rows that break the contract: `batch_id`, `raw_object`, `reason`, `payload` (JSON)."""
    return judged.where(fn.col("reason").isNotNull()).select(
        fn.lit(batch_id).alias("batch_id"),
        "raw_object",
        "reason",
        fn.to_json(fn.struct(*RAW_COLUMNS)).alias("payload"),
    )
