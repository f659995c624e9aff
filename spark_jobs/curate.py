"""The Spark job that takes one batch of raw objects to the curated tables.

    spark-submit --py-files SHARED.zip curate.py --manifest s3://BUCKET/manifests/ID.json \\
        --database streaming_db

Reads exactly the manifest's objects; sets aside in `quarantine` the objects that cannot be read
and the rows that break the contract; merges the others into their source's table, each `event_id`
once; brings up to date all that is made of the touched events; commits the batch's rows in the
`ledger` last: read = events + duplicates + quarantined, for each object. Then it leaves the sum in
`batch-results/ID.json`. Each table changes in atomic commits. A batch that is in the ledger is left
alone; one that was cut short is run again as a whole, to the same end, also beside another run.

Exit status 0 when the batch is in the ledger. An empty manifest, a network or a catalog that does
not answer, and any other failure that is not about one object: the traceback and one line on the
error output, exit status 1, and nothing in the ledger.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from spark_jobs.accounts import (
    BatchResult,
    committed_result,
    enter,
    first_insertions,
    ledger_rows,
    result_of,
    set_aside,
)
from spark_jobs.batches import read_batch
from spark_jobs.commits import Tables
from spark_jobs.events import distinct_events
from spark_jobs.lake_files import write_text
from spark_jobs.raw_events import object_uris, read_manifest
from spark_jobs.renewal import renew
from spark_jobs.session import run_job
from spark_jobs.tables import EVENTS, LEDGER
from tidelake.contract.lake import batch_result_key
from tidelake.contract.manifest import Manifest
from tidelake.contract.schema import SOURCES


def curate(
    spark: SparkSession, manifest: Manifest, database: str, *, again: bool = False
) -> BatchResult:
    """Take one batch to the tables, unless the ledger has it and it is not asked for `again`."""
    tables = Tables(spark, database)
    tables.provide(LEDGER)
    if not again:
        committed = committed_result(tables, manifest.batch_id)
        if committed is not None:
            return committed
    batch = read_batch(spark, object_uris(manifest))
    set_aside(tables, batch, manifest.batch_id)
    for source, touched in batch.touched.items():
        tables.provide(EVENTS[source])
        events = distinct_events(batch.rows, SOURCES[source], manifest.batch_id)
        tables.merge_events(events, SOURCES[source], touched.days)
    renew(tables, batch.touched)
    insertions = first_insertions(tables, batch)
    enter(tables, ledger_rows(spark, batch, manifest.batch_id, insertions), manifest.batch_id)
    return result_of(batch, manifest.batch_id, insertions)


def run(spark: SparkSession, manifest_uri: str, database: str) -> None:
    """Curate the batch of one manifest, and leave its result beside the manifests."""
    result = curate(spark, read_manifest(spark, manifest_uri), database)
    bucket = urlsplit(manifest_uri).netloc
    write_text(spark, f"s3://{bucket}/{batch_result_key(result.batch_id)}", result.to_json())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit status."""
    parser = argparse.ArgumentParser(description="Take one batch of raw objects to the tables.")
    parser.add_argument("--manifest", required=True, help="s3:// URI of the batch's manifest")
    parser.add_argument("--database", required=True, help="Glue database of the tables")
    chosen = parser.parse_args(arguments)
    return run_job(
        f"curate {chosen.manifest}", lambda spark: run(spark, chosen.manifest, chosen.database)
    )


if __name__ == "__main__":
    sys.exit(main())
