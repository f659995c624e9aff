"""What is counted from each source's events; pure DataFrame transforms.

Each is a function of whole UTC days of events, so that the days that a batch touched can be
computed anew from the table, whatever came late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as fn

from spark_jobs.tables import DEVICES, HOURLY, PATHS, Table
from tidelake.contract.schema import APP_EVENT, CHANGE_DATA, SENSOR, WEB_LOG

DISTINCT_LG_K = 14
"""Base-2 logarithm of a distinct count's buckets: a standard error of 0.8 %; those below some
thousands are all but exact.

A sketch is one value to Spark. `approx_count_distinct` of this error is 1,639 columns, for which
Spark compiles code for two seconds each time that it plans the query.
"""

PERCENTILE_ACCURACY = 10_000
"""An approximate percentile is off by at most 1/10,000 of the rows in rank, so that those of a few
thousand rows are exact: where values have gaps, as those of several kinds of sensors, the next rank
may be another value by far."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which fields of a source play the parts that its aggregates ask for."""

    name: str
    actor: str
    status: str | None = None
    measure: str | None = None
    path: str | None = None


ROLES = {
    roles.name: roles
    for roles in (
        Roles(
            name=WEB_LOG.name,
            actor="client_address",
            status="status",
            measure="response_bytes",
            path="target",
        ),
        Roles(name=SENSOR.name, actor="device_id", status="quality", measure="value"),
        Roles(name=CHANGE_DATA.name, actor="row_key", status="operation"),
        Roles(
            name=APP_EVENT.name,
            actor="user_id",
            measure="amount_minor",
            path="page",
        ),
    )
}


def hourly(roles: Roles, events: DataFrame) -> DataFrame:
    """The rows of `events_hourly` of one source."""
    measure = _optional(roles.measure, "double")
    p50, p95, p99 = (fn.col("percentiles")[i] for i in range(3))
    return (
        events.groupBy(
            fn.date_trunc("hour", "event_time").alias("hour"),
            fn.lit(roles.name).alias("source"),
            "event_type",
            _optional(roles.status, "string").alias("status"),
        )
        .agg(
            fn.count(fn.lit(1)).alias("events"),
            fn.hll_sketch_estimate(fn.hll_sketch_agg(roles.actor, DISTINCT_LG_K)).alias("actors"),
            fn.sum(measure).alias("total"),
            fn.percentile_approx(measure, [0.5, 0.95, 0.99], PERCENTILE_ACCURACY).alias(
                "percentiles"
            ),
        )
        .select(
            *HOURLY.names[: HOURLY.names.index("p50")],
            p50.alias("p50"),
            p95.alias("p95"),
            p99.alias("p99"),
        )
    )


def paths_daily(roles: Roles, events: DataFrame) -> DataFrame:
    """The rows of `paths_daily` of one source that has paths."""
    path = _optional(roles.path, "string")
    return (
        events.where(path.isNotNull())
        .groupBy(
            fn.to_date("event_time").alias("day"),
            fn.lit(roles.name).alias("source"),
            path.alias("path"),
        )
        .agg(fn.count(fn.lit(1)).alias("events"))
    )


def devices_daily(events: DataFrame) -> DataFrame:
    """The rows of `devices_daily`, from sensor readings."""
    good = fn.when(fn.col("quality") == "good", fn.col("value"))
    return events.groupBy(
        fn.to_date("event_time").alias("day"), "device_id", "sensor_type", "unit"
    ).agg(
        fn.count(fn.lit(1)).alias("readings"),
        fn.count(fn.when(fn.col("quality") == "suspect", 1)).alias("suspect"),
        fn.avg(good).alias("mean"),
        fn.stddev_pop(good).alias("deviation"),
        fn.min(good).alias("minimum"),
        fn.max(good).alias("maximum"),
        fn.max("event_time").alias("last_at"),
    )


def latest_changes(changes: DataFrame) -> DataFrame:
    """The rows of `current_rows`: of each row's changes the last by position, then event id."""
    row = ("database_name", "schema_name", "table_name", "row_key")
    latest = Window.partitionBy(*row).orderBy(fn.desc("source_position"), fn.desc("event_id"))
    deleted = fn.col("operation") == "DELETE"
    return (
        changes.withColumn("rank", fn.row_number().over(latest))
        .where("rank = 1")
        .select(
            *row,
            "source_position",
            "event_id",
            "event_time",
            deleted.alias("is_deleted"),
            fn.when(~deleted, fn.col("row_after")).alias("row_data"),
        )
    )


def _optional(name: str | None, column_type: str) -> Column:
    return (fn.lit(None) if name is None else fn.col(name)).cast(column_type)


VISITORS = {WEB_LOG.name: "client_address", APP_EVENT.name: "user_id"}
"""Source whose events make sessions -> the field with who visits."""


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """One table, and how each source's rows are computed, by whole days of its column `time`."""

    table: Table
    time: str
    compute: Mapping[str, Callable[[DataFrame], DataFrame]]


AGGREGATES = (
    Aggregate(
        table=HOURLY,
        time="hour",
        compute={name: partial(hourly, roles) for name, roles in ROLES.items()},
    ),
    Aggregate(
        table=PATHS,
        time="day",
        compute={name: partial(paths_daily, roles) for name, roles in ROLES.items() if roles.path},
    ),
    Aggregate(table=DEVICES, time="day", compute={SENSOR.name: devices_daily}),
)
"""The tables whose days depend on no other day."""
