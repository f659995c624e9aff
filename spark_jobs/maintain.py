"""The Spark job that keeps the tables small: few files, few snapshots, no orphans.

    spark-submit --py-files SHARED.zip maintain.py --database streaming_db \\
        --target-file-mib 128 --snapshot-days 7 --orphan-hours 72

For each Iceberg table of the database: small files become files of the target size, with what
merges deleted left out; snapshots older than the limit are expired, the current one never; files
that no snapshot knows are removed once they are older than the limit. Readers and merges go on
meanwhile: a compaction that loses a race is tried again. A table that loses every time, or fails
otherwise, is left to the next run, and the other tables are maintained all the same.

Prints one line of JSON a table with its counts. Exit status 0; 1 with the tracebacks and one line
on the error output when a table could not be maintained; 2 when a limit is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import Row, SparkSession

from spark_jobs.commits import Tables
from spark_jobs.retries import is_conflict, retried
from spark_jobs.session import run_job
from tidelake.contract.errors import PipelineError
from tidelake.contract.lake import CATALOG

SHORTEST_ORPHAN_HOURS = 24
"""A file of a commit under way belongs to no snapshot yet; Iceberg refuses less, too."""

_BYTES_PER_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a file is small, a snapshot old, and a file that no snapshot knows an orphan."""

    target_file_mib: int
    snapshot_days: int
    orphan_hours: int


@dataclass(frozen=True, kw_only=True)
class Maintained:
    """What was done to one table, in files, and in snapshots that are gone."""

    table: str
    rewritten_files: int
    new_files: int
    expired_snapshots: int
    orphan_files: int


def maintain(spark: SparkSession, database: str, limits: Limits, now: datetime) -> list[Maintained]:
    """Maintain every Iceberg table of the database; returns what was done to each.

    Raises PipelineError, once the other tables are done, if one lost every race or failed.
    """
    listed = spark.sql(f"SHOW TABLES IN {CATALOG}.{database}").collect()
    done: list[Maintained] = []
    problems: list[str] = []
    for name in sorted(row["tableName"] for row in listed):
        try:
            maintained = _maintain_table(Tables(spark, database), name, limits, now)
        except Exception as error:
            traceback.print_exception(error)
            why = "other commits came first each time" if is_conflict(error) else _first_line(error)
            problems.append(f"{name}: {why}")
            continue
        sys.stdout.write(json.dumps(asdict(maintained)) + "\n")
        done.append(maintained)
    if problems:
        raise PipelineError(f"{'; '.join(problems)}; the next run takes them up")
    return done


def _maintain_table(tables: Tables, name: str, limits: Limits, now: datetime) -> Maintained:
    table = f"'{tables.database}.{name}'"
    before = _snapshots(tables, name)
    compacted = retried(
        lambda: _call(
            tables.spark,
            f"rewrite_data_files(table => {table}, options => map("
            f"'target-file-size-bytes', '{limits.target_file_mib * _BYTES_PER_MIB}', "
            # Whatever a merge deleted costs every reader; two small files are worth one.
            "'delete-file-threshold', '1', 'min-input-files', '2', "
            "'remove-dangling-deletes', 'true', 'partial-progress.enabled', 'false'))",
        )
    )
    kept_from = now - timedelta(days=limits.snapshot_days)
    retried(
        lambda: _call(
            tables.spark,
            f"expire_snapshots(table => {table}, older_than => {_timestamp(kept_from)}, "
            "retain_last => 1)",
        )
    )
    orphaned_before = now - timedelta(hours=limits.orphan_hours)
    orphans = _call(
        tables.spark,
        f"remove_orphan_files(table => {table}, older_than => {_timestamp(orphaned_before)})",
    )
    after = _snapshots(tables, name)
    return Maintained(
        table=name,
        rewritten_files=compacted[0]["rewritten_data_files_count"],
        new_files=compacted[0]["added_data_files_count"],
        expired_snapshots=len(before - after),
        orphan_files=len(orphans),
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _call(spark: SparkSession, procedure: str) -> list[Row]:
    return spark.sql(f"CALL {CATALOG}.system.{procedure}").collect()


def _snapshots(tables: Tables, name: str) -> set[int]:
    rows = tables.spark.table(f"{tables.name(name)}.snapshots").select("snapshot_id").collect()
    return {row["snapshot_id"] for row in rows}


def _timestamp(moment: datetime) -> str:
    """A literal of Spark's SQL. The session's time zone is UTC."""
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit status."""
    parser = argparse.ArgumentParser(description="Compact tables, expire snapshots, drop orphans.")
    parser.add_argument("--database", required=True, help="Glue database of the tables")
    parser.add_argument("--target-file-mib", type=int, required=True)
    parser.add_argument("--snapshot-days", type=int, required=True)
    parser.add_argument("--orphan-hours", type=int, required=True)
    chosen = parser.parse_args(arguments)
    for option, value, least in (
        ("--target-file-mib", chosen.target_file_mib, 1),
        ("--snapshot-days", chosen.snapshot_days, 1),
        ("--orphan-hours", chosen.orphan_hours, SHORTEST_ORPHAN_HOURS),
    ):
        if value < least:
            parser.error(f"{option} {value} is not allowed; allowed: at least {least}")
    limits = Limits(
        target_file_mib=chosen.target_file_mib,
        snapshot_days=chosen.snapshot_days,
        orphan_hours=chosen.orphan_hours,
    )

    def job(spark: SparkSession) -> None:
        maintain(spark, chosen.database, limits, datetime.now(UTC))

    return run_job("maintain", job)


if __name__ == "__main__":
    sys.exit(main())
