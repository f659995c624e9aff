"""The Spark job that takes one batch of raw objects to the curated tables.

    spark-submit --py-files SHARED.zip curate.py --manifest s3://BUCKET/manifests/ID.json \\
        --database streaming_db

Reads exactly the manifest's objects, sets rows that break the contract aside in `quarantine`,
merges the others into their source's table, each `event_id` once, computes the aggregates of the
touched event days anew, and commits the batch's row in the ledger `batches` last:
read = events + duplicates + quarantined. Each table changes in one atomic commit. A batch that
is in the ledger is left alone; one that was cut short is run again as a whole, to the same end.

Exit status 0 when the batch is in the ledger. An empty manifest, an object that is gone or is no
readable Parquet of the contract's types, and any other failure: one line and the traceback on the
error output, exit status 1, and no row in the ledger.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from spark_jobs.aggregates import AGGREGATES
from spark_jobs.events import distinct_events, event_day, judge, quarantined_rows
from spark_jobs.raw_events import read_manifest, read_raw
from spark_jobs.tables import Tables
from tidelake.contract.lake import LEDGER_TABLE, QUARANTINE_TABLE
from tidelake.contract.manifest import Manifest
from tidelake.contract.schema import SOURCES, Source


@dataclass(frozen=True, kw_only=True)
class BatchCount:
    """One batch's row in the ledger: read = events + duplicates + quarantined."""

    batch_id: str
    objects: int
    read: int
    events: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True)
class RawCount:
    """Raw rows of a batch: all, those that break the contract, and each source's event days."""

    read: int
    quarantined: int
    days: dict[str, list[int]]


def curate(spark: SparkSession, manifest: Manifest, database: str) -> None:
    """Take one batch to the tables, unless the ledger says that it is there."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    tables = Tables(spark, database)
    tables.create_missing()
    if tables.has_batch(LEDGER_TABLE, manifest.batch_id):
        return
    judged = judge(read_raw(spark, manifest)).persist()
    raw = count_raw(judged)
    if raw.quarantined:
        rows = quarantined_rows(judged, manifest.batch_id)
        tables.append_once(QUARANTINE_TABLE, rows, manifest.batch_id)
    events = sum(
        _curate_source(tables, judged, SOURCES[name], days, manifest.batch_id)
        for name, days in raw.days.items()
    )
    judged.unpersist()
    count = BatchCount(
        batch_id=manifest.batch_id,
        objects=len(manifest.objects),
        read=raw.read,
        events=events,
        duplicates=raw.read - raw.quarantined - events,
        quarantined=raw.quarantined,
    )
    tables.append_once(LEDGER_TABLE, ledger_row(spark, count), manifest.batch_id)


def count_raw(judged: DataFrame) -> RawCount:
    """Count the judged rows of a batch, in one pass."""
    source = fn.when(fn.col("reason").isNull(), fn.col("source")).alias("source")
    groups = (
        judged.groupBy(source)
        .agg(fn.count("*").alias("rows"), fn.collect_set(event_day()).alias("days"))
        .collect()
    )
    return RawCount(
        read=sum(group["rows"] for group in groups),
        quarantined=sum(group["rows"] for group in groups if group["source"] is None),
        days={group["source"]: group["days"] for group in groups if group["source"] is not None},
    )


def _curate_source(
    tables: Tables, judged: DataFrame, source: Source, days: Sequence[int], batch_id: str
) -> int:
    """Merge one source's events and renew its aggregates; how many events are this batch's.

    They are counted in the table, where a second run finds the same ones.
    """
    tables.merge_events(distinct_events(judged, source, batch_id), source, days)
    events = tables.events_of_days(source, days)
    for aggregate in AGGREGATES.get(source.name, ()):
        tables.replace_days(aggregate, aggregate.compute(events))
    return events.where(fn.col("batch_id") == batch_id).count()


def ledger_row(spark: SparkSession, count: BatchCount) -> DataFrame:
    """The ledger's row of a batch, committed now."""
    values = (fn.lit(value).alias(name) for name, value in asdict(count).items())
    return spark.range(1).select(*values, fn.current_timestamp().alias("committed_at"))


def run(spark: SparkSession, manifest_uri: str, database: str) -> int:
    """Curate the batch of one manifest; returns the exit status, and says why if it is 1."""
    try:
        curate(spark, read_manifest(spark, manifest_uri), database)
    except Exception as error:
        traceback.print_exc()
        first_line = str(error).partition("\n")[0]
        sys.stderr.write(f"curate failed: {manifest_uri}: {first_line}\n")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit status."""
    parser = argparse.ArgumentParser(description="Take one batch of raw objects to the tables.")
    parser.add_argument("--manifest", required=True, help="s3:// URI of the batch's manifest")
    parser.add_argument("--database", required=True, help="Glue database of the tables")
    chosen = parser.parse_args(arguments)
    spark = SparkSession.builder.appName("curate").getOrCreate()
    try:
        return run(spark, chosen.manifest, chosen.database)
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(main())
