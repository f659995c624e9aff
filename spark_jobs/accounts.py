"""The ledger's rows of one batch, and the batch's result, which is their sum."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from spark_jobs.batches import Batch
from spark_jobs.commits import Tables
from spark_jobs.events import quarantined_rows
from spark_jobs.raw_events import literal_rows, raw_hour
from spark_jobs.spans import within_days
from spark_jobs.tables import EVENTS, LEDGER, QUARANTINE

READ = "read"
UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What became of a batch: read = events + duplicates + quarantined; the rest are objects."""

    batch_id: str
    read: int
    events: int
    duplicates: int
    quarantined: int
    objects: int
    unreadable: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def committed_result(tables: Tables, batch_id: str) -> BatchResult | None:
    """The result of a batch that is in the ledger; None if it is not."""
    rows = tables.read(LEDGER).where(fn.col("batch_id") == batch_id)
    sums = (fn.sum(name).alias(name) for name in ("read", "events", "duplicates", "quarantined"))
    unreadable = fn.count(fn.when(fn.col("status") == UNREADABLE, 1)).alias("unreadable")
    (total,) = rows.agg(*sums, fn.count(fn.lit(1)).alias("objects"), unreadable).collect()
    if not total["objects"]:
        return None
    return BatchResult(batch_id=batch_id, **total.asDict())


def first_insertions(tables: Tables, batch: Batch) -> dict[str, int]:
    """Object -> the events that are in the tables because of it, whatever batch brought them.

    Counted in the tables, where a second run, of this batch or of one that shares objects with it,
    finds the same.
    """
    found: dict[str, int] = {}
    for source, touched in batch.touched.items():
        events = tables.read(EVENTS[source]).where(within_days("event_time", touched.days))
        ours = events.where(fn.col("first_object").isin(list(batch.objects)))
        for row in ours.groupBy("first_object").count().collect():
            found[row["first_object"]] = found.get(row["first_object"], 0) + row["count"]
    return found


def result_of(batch: Batch, batch_id: str, insertions: Mapping[str, int]) -> BatchResult:
    """The sum of the batch's rows for the ledger."""
    read = sum(count.read for count in batch.objects.values())
    events = sum(insertions.values())
    return BatchResult(
        batch_id=batch_id,
        read=read,
        events=events,
        duplicates=read - batch.quarantined - events,
        quarantined=batch.quarantined,
        objects=len(batch.objects) + len(batch.unreadable),
        unreadable=len(batch.unreadable),
    )


def ledger_rows(
    spark: SparkSession, batch: Batch, batch_id: str, insertions: Mapping[str, int]
) -> DataFrame:
    """The rows of a batch for the ledger, committed now."""
    rows = [
        {
            "raw_object": uri,
            "status": READ,
            "read": count.read,
            "events": insertions.get(uri, 0),
            "duplicates": count.read - count.quarantined - insertions.get(uri, 0),
            "quarantined": count.quarantined,
        }
        for uri, count in batch.objects.items()
    ] + [
        {"raw_object": uri, "status": UNREADABLE, "reason": reason}
        | dict.fromkeys(("read", "events", "duplicates", "quarantined"), 0)
        for uri, reason in batch.unreadable.items()
    ]
    ddl = (
        "raw_object string, status string, reason string, read bigint, events bigint, "
        "duplicates bigint, quarantined bigint"
    )
    return (
        literal_rows(spark, ddl, rows)
        .withColumn("batch_id", fn.lit(batch_id))
        .withColumn("raw_hour", raw_hour())
        .withColumn("committed_at", fn.current_timestamp())
        .select(*LEDGER.names)
    )


def set_aside(tables: Tables, batch: Batch, batch_id: str) -> None:
    """Insert what a batch cannot take in into `quarantine`, each once, whatever batch brings it."""
    with_bad_rows = [uri for uri, count in batch.objects.items() if count.quarantined]
    objects = [*batch.unreadable, *with_bad_rows]
    if not objects:
        return
    rows = quarantined_rows(batch.rows, batch_id)
    if batch.unreadable:
        rows = rows.unionByName(_unreadable_rows(tables.spark, batch.unreadable, batch_id))
    tables.provide(QUARANTINE)
    tables.insert_once(
        QUARANTINE,
        rows,
        on="t.raw_object = s.raw_object AND t.row_index <=> s.row_index AND "
        f"{_between('t.raw_object', objects)}",
        # Holds for no row: a row that is there stays. MERGE needs the clause to be checked.
        update_if="t.quarantined_at IS NULL",
    )


def _unreadable_rows(
    spark: SparkSession, unreadable: Mapping[str, str], batch_id: str
) -> DataFrame:
    """The objects that cannot be read, as `quarantine` has them."""
    rows = [{"raw_object": uri, "reason": reason} for uri, reason in unreadable.items()]
    return (
        literal_rows(spark, "raw_object string, reason string", rows)
        .withColumn("batch_id", fn.lit(batch_id))
        .withColumn("raw_hour", raw_hour())
        .withColumn("row_index", fn.lit(None).cast("bigint"))
        .withColumn("payload", fn.lit(None).cast("string"))
        .withColumn("quarantined_at", fn.current_timestamp())
        .select(*QUARANTINE.names)
    )


def enter(tables: Tables, rows: DataFrame, batch_id: str) -> None:
    """Commit a batch's rows to the ledger, each once; an object that can be read at last wins."""
    tables.insert_once(
        LEDGER,
        rows,
        on=f"t.batch_id = '{batch_id}' AND t.raw_object = s.raw_object",
        update_if=f"t.status = '{UNREADABLE}' AND s.status = '{READ}'",
    )


def _between(column: str, texts: Iterable[str]) -> str:
    """SQL bounds by which Iceberg leaves out files of other objects."""
    ordered = sorted(texts)
    first, last = (
        text.replace("\\", "\\\\").replace("'", "\\'") for text in (ordered[0], ordered[-1])
    )
    return f"{column} BETWEEN '{first}' AND '{last}'"
