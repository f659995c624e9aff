"""What is counted from each source's events; pure DataFrame transforms.

Each is exact and a function of whole event days, so that the days that a batch touched can be
computed anew from the table whatever came late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from tidelake.contract.schema import WEB_LOG


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """One table of aggregates: its columns, its partitions, which are days, and its rows."""

    table: str
    ddl: str
    partitioned_by: str
    compute: Callable[[DataFrame], DataFrame]


def requests_hourly(events: DataFrame) -> DataFrame:
    """Requests and response bytes by UTC hour and status."""
    return events.groupBy(fn.date_trunc("hour", "event_time").alias("hour"), fn.col("status")).agg(
        fn.count("*").alias("requests"), fn.sum("response_bytes").alias("response_bytes")
    )


def paths_daily(events: DataFrame) -> DataFrame:
    """Requests by UTC day and request target; requests without a target are left out."""
    return (
        events.where(fn.col("target").isNotNull())
        .groupBy(fn.to_date("event_time").alias("day"), fn.col("target"))
        .agg(fn.count("*").alias("requests"))
    )


AGGREGATES = {
    WEB_LOG.name: (
        Aggregate(
            table="web_requests_hourly",
            ddl="hour timestamp, status int, requests bigint, response_bytes bigint",
            partitioned_by="days(hour)",
            compute=requests_hourly,
        ),
        Aggregate(
            table="web_paths_daily",
            ddl="day date, target string, requests bigint",
            partitioned_by="day",
            compute=paths_daily,
        ),
    ),
}
"""Source name -> the aggregates of its events."""
