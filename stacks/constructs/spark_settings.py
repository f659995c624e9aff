"""Spark's settings on the cluster, as EMR's configuration classifications."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3

from tidelake.contract import lake

_CATALOG = f"spark.sql.catalog.{lake.CATALOG}"
_MULTIPART_BYTES = 128 * 1024 * 1024


def cluster_configurations(bucket: s3.IBucket, *, python: str) -> dict[str, dict[str, str]]:
    """By classification: the lake's Iceberg catalog, and defaults for every job of the cluster.

    `python` is the interpreter's version: a cluster's default may be too old for the jobs.
    """
    return {
        "iceberg-defaults": {"iceberg.enabled": "true"},
        "spark-defaults": _iceberg_catalog(bucket) | _session(python),
    }


def _iceberg_catalog(bucket: s3.IBucket) -> dict[str, str]:
    return {
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        _CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{_CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{_CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{_CATALOG}.warehouse": bucket.s3_url_for_object(lake.CURATED_PREFIX.rstrip("/")),
    }


def _session(python: str) -> dict[str, str]:
    interpreter = f"/usr/bin/python{python}"
    return {
        "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.enabled": "true",
        "spark.sql.parquet.compression.codec": "snappy",
        "spark.sql.session.timeZone": "UTC",
        "spark.hadoop.fs.s3a.multipart.size": str(_MULTIPART_BYTES),
        "spark.pyspark.python": interpreter,
        "spark.pyspark.driver.python": interpreter,
    }
