"""From raw rows to typed events and to quarantined rows; pure DataFrame transforms."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as fn

from spark_jobs.contract_rules import broken_rule, broken_rule_of
from spark_jobs.raw_events import RAW_COLUMNS
from spark_jobs.tables import EVENTS, QUARANTINE
from tidelake.contract.schema import Source


def judge(raw: DataFrame) -> DataFrame:
    """The raw rows, each with the `reason` to quarantine it, or null."""
    return raw.withColumn("reason", broken_rule())


def event_day() -> Column:
    """The UTC day of an event, as days since 1970-01-01. The session's time zone is UTC."""
    return fn.unix_date(fn.to_date("event_time"))


def distinct_events(raw: DataFrame, source: Source, batch_id: str) -> DataFrame:
    """The events of one source that keep the contract, each `event_id` once, as its table has them.

    Of duplicates the earliest wins: by `ingest_time`, then the object's name, then its place in
    that object. Of the raw columns only the source's own are read.
    """
    earliest = Window.partitionBy("event_id").orderBy("ingest_time", "raw_object", "row_index")
    return (
        raw.where((fn.col("source") == source.name) & broken_rule_of(source).isNull())
        .withColumn("rank", fn.row_number().over(earliest))
        .where("rank = 1")
        .withColumn("batch_id", fn.lit(batch_id))
        .withColumn("first_object", fn.col("raw_object"))
        .select(*EVENTS[source.name].names)
    )


def quarantined_rows(raw: DataFrame, batch_id: str) -> DataFrame:
    """The rows that break the contract, as `quarantine` has them."""
    return (
        judge(raw)
        .where(fn.col("reason").isNotNull())
        .withColumn("batch_id", fn.lit(batch_id))
        .withColumn("payload", fn.to_json(fn.struct(*RAW_COLUMNS)))
        .withColumn("quarantined_at", fn.current_timestamp())
        .select(*QUARANTINE.names)
    )
