"""The Spark job that computes anew all that is made of the event tables, for a period.

    spark-submit --py-files SHARED.zip aggregate.py --database streaming_db \\
        --from 2026-11-22 --to 2026-11-23

`--from` and `--to` are UTC days, the latter not included. `curate` does the same for the days that
its batch touched; this is for a period whose definition has changed, or whose tables were lost.
Idempotent, and safe beside running batches.

Exit status 0 when all is up to date; 1 with the traceback and one line on the error output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date

from pyspark.sql import SparkSession

from spark_jobs.commits import Tables
from spark_jobs.renewal import renew
from spark_jobs.session import run_job
from spark_jobs.spans import SECONDS_PER_DAY, Touched
from spark_jobs.tables import EVENTS

_EPOCH = date(1970, 1, 1).toordinal()


def aggregate(spark: SparkSession, database: str, first: date, end: date) -> None:
    """Compute anew what is made of the events of `first` up to, not including, `end`."""
    days = tuple(range(first.toordinal() - _EPOCH, end.toordinal() - _EPOCH))
    touched = Touched(
        days=days, first=days[0] * SECONDS_PER_DAY, last=(days[-1] + 1) * SECONDS_PER_DAY
    )
    tables = Tables(spark, database)
    present = [source for source, table in EVENTS.items() if tables.exists(table)]
    renew(tables, dict.fromkeys(present, touched))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit status, 2 when the arguments make no period."""
    parser = argparse.ArgumentParser(description="Compute anew what is made of the event tables.")
    parser.add_argument("--database", required=True, help="Glue database of the tables")
    parser.add_argument("--from", dest="first", required=True, type=date.fromisoformat)
    parser.add_argument("--to", dest="end", required=True, type=date.fromisoformat)
    chosen = parser.parse_args(arguments)
    if chosen.end <= chosen.first:
        parser.error(f"--to {chosen.end} is not allowed; allowed: a day after {chosen.first}")
    return run_job(
        "aggregate", lambda spark: aggregate(spark, chosen.database, chosen.first, chosen.end)
    )


if __name__ == "__main__":
    sys.exit(main())
