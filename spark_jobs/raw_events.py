"""The raw events of one batch: the manifest's objects, by the contract's schema."""

from __future__ import annotations

import re

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from tidelake.contract.errors import InputError
from tidelake.contract.manifest import Manifest
from tidelake.contract.schema import raw_fields, spark_ddl

RAW_COLUMNS = tuple(field.name for field in raw_fields())


def read_manifest(spark: SparkSession, uri: str) -> Manifest:
    """The manifest at `uri`. Raises InputError when it names no object, which no trigger writes."""
    (row,) = spark.read.text(uri, wholetext=True).collect()
    manifest = Manifest.from_json(row["value"])
    if not manifest.objects:
        raise InputError(f"the manifest {uri} names no object; allowed: at least one")
    return manifest


def read_raw(spark: SparkSession, manifest: Manifest) -> DataFrame:
    """Exactly the manifest's objects: the raw table's columns, `raw_object` and `row_index`.

    Columns that an object lacks are null. Of an object with several versions the current one is
    read, once. An object that is gone, or is no readable Parquet of
    these types, fails the action that reads it: nothing is skipped.
    """
    return (
        spark.read.schema(spark_ddl(raw_fields()))
        # The events' own dates are checked nowhere else: none may stop the whole batch.
        .option("int96RebaseMode", "CORRECTED")
        .option("datetimeRebaseMode", "CORRECTED")
        .parquet(*dict.fromkeys(_literal_path(raw.uri) for raw in manifest.objects))
        .select(
            *RAW_COLUMNS,
            fn.col("_metadata.file_path").alias("raw_object"),
            fn.col("_metadata.row_index").alias("row_index"),
        )
    )


def _literal_path(uri: str) -> str:
    """A path in which Hadoop sees no wildcards, so that it names one object."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", uri)
