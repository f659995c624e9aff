"""The raw events of one batch: the objects of its manifest, by the contract's schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as fn

from tidelake.contract.errors import InputError
from tidelake.contract.lake import RAW_PARTITION_COLUMNS
from tidelake.contract.manifest import Manifest
from tidelake.contract.schema import raw_fields, spark_ddl

_PLAIN = re.compile(r"[A-Za-z0-9:/=._-]*")

RAW_COLUMNS = tuple(field.name for field in raw_fields())


def read_manifest(spark: SparkSession, uri: str) -> Manifest:
    """The manifest at `uri`. Raises InputError when it names no object, which no trigger writes."""
    (row,) = spark.read.text(uri, wholetext=True).collect()
    manifest = Manifest.from_json(row["value"])
    if not manifest.objects:
        raise InputError(f"the manifest {uri} names no object; allowed: at least one")
    return manifest


def object_uris(manifest: Manifest) -> list[str]:
    """The objects of a manifest; of one with several versions the current is read, once."""
    return list(dict.fromkeys(raw.uri for raw in manifest.objects))


def read_objects(spark: SparkSession, uris: Sequence[str]) -> DataFrame:
    """Exactly these objects, by the raw table's columns; those that an object lacks are null.

    An object that is gone, or is no readable Parquet of these types, fails the action that reads
    it: nothing is skipped, but for an object of no bytes, which Spark does not look at.
    """
    schema = spark_ddl(raw_fields())
    return spark.read.schema(schema).parquet(*(literal_path(uri) for uri in uris))


def read_raw(spark: SparkSession, uris: Sequence[str]) -> DataFrame:
    """The rows of the objects: the raw table's columns, `raw_object`, `row_index`, `raw_hour`."""
    if not uris:
        accounts = "raw_object string, row_index bigint, raw_hour timestamp"
        return spark.createDataFrame([], f"{spark_ddl(raw_fields())}, {accounts}")
    rows = read_objects(spark, uris).select(
        *RAW_COLUMNS,
        fn.col("_metadata.file_path").alias("file_path"),
        fn.col("_metadata.row_index").alias("row_index"),
    )
    named = [{"file_path": _encoded(spark, uri), "raw_object": uri} for uri in uris]
    objects = literal_rows(spark, "file_path string, raw_object string", named)
    hours = objects.withColumn("raw_hour", raw_hour())
    joined = rows.join(fn.broadcast(hours), "file_path", "left")
    # No row may go because Spark names its file otherwise than the manifest: `read_batch` refuses
    # a name that it does not know.
    named_at_least = fn.coalesce("raw_object", "file_path")
    return joined.withColumn("raw_object", named_at_least).drop("file_path")


def raw_hour() -> Column:
    """The arrival hour that a raw object's key names; null where it names none."""
    pattern = "/".join(rf"{name}=(\d+)" for name in RAW_PARTITION_COLUMNS)
    parts = (fn.regexp_extract("raw_object", pattern, group) for group in range(1, 5))
    return fn.try_to_timestamp(fn.concat_ws(" ", *parts), fn.lit("yyyy MM dd HH"))


def literal_rows(spark: SparkSession, ddl: str, rows: Sequence[Mapping[str, object]]) -> DataFrame:
    """Rows of this process as a DataFrame that needs no Python on the executors."""
    fields = ddl.replace(" ", ":").replace(",:", ",")
    parsed = fn.from_json(fn.lit(json.dumps(rows)), f"array<struct<{fields}>>")
    return spark.range(1).select(fn.inline(parsed))


def _encoded(spark: SparkSession, uri: str) -> str:
    """A URI as Spark names the file: Hadoop escapes what Java's URI does not allow."""
    if _PLAIN.fullmatch(uri):
        return uri
    jvm: Any = spark.sparkContext._jvm
    return str(jvm.org.apache.hadoop.fs.Path(uri).toUri().toString())


def literal_path(uri: str) -> str:
    """A path in which Hadoop sees no wildcards, so that it names one object."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", uri)
