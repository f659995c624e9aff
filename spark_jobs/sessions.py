"""Visits: a visitor's events, none more than 30 minutes after the one before."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as fn

INACTIVITY_SECONDS = 30 * 60


def sessions(source: str, visitor: str, events: DataFrame) -> DataFrame:
    """The rows of `sessions` that `events` make; `visitor` is their column with who visits.

    A session that reaches beyond `events` is cut there.
    """
    in_order = Window.partitionBy("visitor").orderBy("event_time")
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    pause = fn.unix_micros("event_time") - fn.unix_micros(fn.lag("event_time").over(in_order))
    starts = fn.coalesce((pause > INACTIVITY_SECONDS * 1_000_000).cast("int"), fn.lit(1))
    return (
        events.select(fn.col(visitor).alias("visitor"), "event_time")
        .withColumn("starts", starts)
        .withColumn("number", fn.sum("starts").over(so_far))
        .groupBy("visitor", "number")
        .agg(
            fn.min("event_time").alias("started_at"),
            fn.max("event_time").alias("ended_at"),
            fn.count(fn.lit(1)).alias("events"),
        )
        .select(fn.lit(source).alias("source"), "visitor", "started_at", "ended_at", "events")
    )
