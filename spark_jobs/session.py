"""The Spark session of every job, and how a job begins and ends."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from pyspark.sql import SparkSession

from tidelake.contract.lake import CATALOG

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # An overflow or a bad cast is an error, never a wrong value; Spark 4 has it as its default.
    "spark.sql.ansi.enabled": "true",
    # A commit that is tried again must see what the other one committed.
    f"spark.sql.catalog.{CATALOG}.cache-enabled": "false",
    # What cannot be read is counted, never skipped.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # The events' own dates are checked nowhere else: none may stop the whole batch.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    # Java never compiles a method of more bytecode; Spark splits such code where it must.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # Percentiles by hour make thousands of groups, not hundreds: a sort of all rows costs more.
    "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "16384",
}
"""What the jobs' results depend on, whatever the cluster's defaults are."""


def run_job(name: str, job: Callable[[SparkSession], None]) -> int:
    """Run a job in a session of its own; returns the exit status, and says why if it is 1."""
    builder = SparkSession.builder.appName(name)
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        job(spark)
    except Exception as error:
        traceback.print_exc()
        first_line = str(error).partition("\n")[0]
        sys.stderr.write(f"{name} failed: {first_line}\n")
        return 1
    finally:
        spark.stop()
    return 0
