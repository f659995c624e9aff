"""The Spark job that takes raw objects to the tables again, or old ones for the first time.

    spark-submit --py-files SHARED.zip backfill.py --database streaming_db \\
        --raw s3://BUCKET/streaming-data/ --from 2026-11-22 --to 2026-11-23
    spark-submit --py-files SHARED.zip backfill.py --database streaming_db \\
        --raw s3://OLD-BUCKET/2019/

`--raw` is a folder of Parquet objects of the raw table's columns. With `--from` and `--to`, UTC
days, the latter not included, it is a raw zone of which the objects of those arrival days are
taken; without, all below it. Objects that the ledger has as read are left out, unless `--again`.
What is left is curated in batches of at most `--batch-mib` and `--batch-objects`, each as `curate`
would: idempotent, also beside running batches, so a backfill that was cut short is simply run
again.

Prints one line of JSON a batch. Exit status 0 when all is in the ledger; 1 with the traceback and
one line on the error output; 2 when the arguments are refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from urllib.parse import urlsplit

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as fn

from spark_jobs.accounts import READ
from spark_jobs.commits import Tables
from spark_jobs.curate import curate
from spark_jobs.java_errors import condition
from spark_jobs.session import run_job
from spark_jobs.tables import LEDGER
from tidelake.contract.lake import arrival_day_folder
from tidelake.contract.manifest import Manifest, RawObject

_BYTES_PER_MIB = 1024 * 1024


def day_folders(raw: str, first: date, end: date) -> list[str]:
    """The folders of a raw zone with the objects that arrived from `first` up to before `end`."""
    days = (first + timedelta(days=n) for n in range((end - first).days))
    return [f"{raw.rstrip('/')}/{arrival_day_folder(day)}" for day in days]


def list_objects(spark: SparkSession, folders: Sequence[str]) -> list[RawObject]:
    """The objects below the folders, without empty ones and markers; a folder may not exist."""
    found = []
    for folder in folders:
        files = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        try:
            rows = files.load(folder).select("path", "length").collect()
        except AnalysisException as error:
            if condition(error) != "PATH_NOT_FOUND":
                raise
            continue
        found += [_raw_object(row["path"], row["length"]) for row in rows]
    return found


def batches(
    objects: Sequence[RawObject], *, most_bytes: int, most_objects: int
) -> Iterator[Manifest]:
    """The objects in the order of their names, in batches of a bounded size; a larger object is
    a batch of its own."""
    batch: list[RawObject] = []
    size = 0
    for raw in sorted(objects):
        if batch and (size + raw.size > most_bytes or len(batch) == most_objects):
            yield Manifest.of(batch)
            batch, size = [], 0
        batch.append(raw)
        size += raw.size
    if batch:
        yield Manifest.of(batch)


def without_read(
    spark: SparkSession, database: str, objects: Sequence[RawObject]
) -> list[RawObject]:
    """The objects that the ledger does not have as read."""
    tables = Tables(spark, database)
    if not objects or not tables.exists(LEDGER):
        return list(objects)
    uris = [raw.uri for raw in objects]
    # Bounds, so that of a long ledger only the part with these objects is looked at.
    near = tables.read(LEDGER).where(fn.col("raw_object").between(min(uris), max(uris)))
    read = near.where(fn.col("status") == READ).select("raw_object").distinct()
    known = {row["raw_object"] for row in read.collect()}
    return [raw for raw in objects if raw.uri not in known]


def _raw_object(path: str, size: int) -> RawObject:
    parts = urlsplit(path.replace("#", "%23").replace("?", "%3F"))
    key = path.split(f"{parts.netloc}/", 1)[1]
    return RawObject(parts.netloc, key, "", size)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit status."""
    parser = argparse.ArgumentParser(description="Take raw objects to the tables again.")
    parser.add_argument("--database", required=True, help="Glue database of the tables")
    parser.add_argument("--raw", required=True, help="s3:// folder of the raw objects")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first arrival day")
    parser.add_argument("--to", dest="end", type=date.fromisoformat, help="the day after the last")
    parser.add_argument("--batch-mib", type=int, default=1024)
    parser.add_argument("--batch-objects", type=int, default=1000)
    parser.add_argument("--again", action="store_true", help="also what the ledger has")
    chosen = parser.parse_args(arguments)
    if (chosen.first is None) != (chosen.end is None):
        parser.error("--from and --to are given together")
    if chosen.first is not None and chosen.end <= chosen.first:
        parser.error(f"--to {chosen.end} is not allowed; allowed: a day after {chosen.first}")
    for option, value in (("mib", chosen.batch_mib), ("objects", chosen.batch_objects)):
        if value < 1:
            parser.error(f"--batch-{option} {value} is not allowed; allowed: at least 1")
    return run_job("backfill", lambda spark: _run(spark, chosen))


def _run(spark: SparkSession, chosen: argparse.Namespace) -> None:
    folders = [chosen.raw]
    if chosen.first is not None:
        folders = day_folders(chosen.raw, chosen.first, chosen.end)
    objects = list_objects(spark, folders)
    if not chosen.again:
        objects = without_read(spark, chosen.database, objects)
    most_bytes = chosen.batch_mib * _BYTES_PER_MIB
    for manifest in batches(objects, most_bytes=most_bytes, most_objects=chosen.batch_objects):
        result = curate(spark, manifest, chosen.database, again=chosen.again)
        sys.stdout.write(result.to_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
