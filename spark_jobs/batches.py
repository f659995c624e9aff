"""One batch: its rows, what they touch, and what becomes of each object.

The rows are read from their objects each time that they are asked for, by the columns that are
needed then, and not cached: Spark's cache costs more than reading Parquet twice. An object of the
raw zone never changes; one that goes meanwhile fails the step, which is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as fn

from spark_jobs.events import event_day, judge
from spark_jobs.raw_events import read_raw
from spark_jobs.spans import Touched
from spark_jobs.unreadable import find_unreadable, reason_or_raise, why_unreadable
from tidelake.contract.errors import PipelineError


@dataclass
class ObjectCount:
    """The rows of one raw object, by what becomes of them; read = quarantined + the other ones."""

    read: int = 0
    quarantined: int = 0


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The raw rows of the objects that can be read, and the others with the reason."""

    rows: DataFrame
    objects: dict[str, ObjectCount]
    touched: dict[str, Touched]
    unreadable: dict[str, str]

    @property
    def quarantined(self) -> int:
        return sum(count.quarantined for count in self.objects.values())


@dataclass
class _Tally:
    """What one pass over the rows finds."""

    objects: dict[str, ObjectCount]
    touched: dict[str, Touched] = field(default_factory=dict)
    without_events: list[str] = field(default_factory=list)


def read_batch(spark: SparkSession, uris: Sequence[str]) -> Batch:
    """Judge and count the rows of the objects, in one pass if all can be read."""
    unreadable: dict[str, str] = {}
    readable = list(uris)
    try:
        rows, tally = _read(spark, readable)
    except Exception as error:
        reason_or_raise(error)
        unreadable = find_unreadable(spark, readable)
        readable = [uri for uri in uris if uri not in unreadable]
        if not unreadable:
            raise
        rows, tally = _read(spark, readable)
    for uri in tally.without_events:
        reason = why_unreadable(spark, uri)
        if reason is not None:
            unreadable[uri] = reason
            del tally.objects[uri]
    return Batch(
        rows=rows.where(~fn.col("raw_object").isin(list(unreadable))),
        objects=tally.objects,
        touched=tally.touched,
        unreadable=unreadable,
    )


def _read(spark: SparkSession, uris: Sequence[str]) -> tuple[DataFrame, _Tally]:
    rows = read_raw(spark, uris)
    return rows, _tally(uris, _count(rows))


def _count(raw: DataFrame) -> list[Row]:
    """Rows by object, source and day; source and day are null where a rule of the contract is
    broken.

    Reads every column, as each has a rule: what cannot be read fails here.
    """
    is_good = fn.col("reason").isNull()
    seconds = fn.unix_seconds("event_time")
    return (
        judge(raw)
        .groupBy(
            "raw_object",
            fn.when(is_good, fn.col("source")).alias("source"),
            fn.when(is_good, event_day()).alias("day"),
        )
        .agg(
            fn.count(fn.lit(1)).alias("rows"),
            fn.count("event_id").alias("with_id"),
            fn.min(seconds).alias("first"),
            fn.max(seconds).alias("last"),
        )
        .collect()
    )


def _tally(uris: Sequence[str], groups: Iterable[Row]) -> _Tally:
    tally = _Tally({uri: ObjectCount() for uri in uris})
    with_id = dict.fromkeys(uris, 0)
    by_source: dict[str, list[Row]] = {}
    for group in groups:
        if group["raw_object"] not in tally.objects:
            raise PipelineError(
                f"Spark read rows of {group['raw_object']}, which the manifest does not name so"
            )
        count = tally.objects[group["raw_object"]]
        count.read += group["rows"]
        with_id[group["raw_object"]] += group["with_id"]
        if group["source"] is None:
            count.quarantined += group["rows"]
        else:
            by_source.setdefault(group["source"], []).append(group)
    tally.touched = {source: _touched(rows) for source, rows in by_source.items()}
    # Neither a foreign file, whose columns are all null here, nor one of no bytes has any.
    tally.without_events = [uri for uri, count in with_id.items() if count == 0]
    return tally


def _touched(groups: Sequence[Row]) -> Touched:
    return Touched(
        days=tuple(sorted({group["day"] for group in groups})),
        first=min(group["first"] for group in groups),
        last=max(group["last"] for group in groups) + 1,
    )
