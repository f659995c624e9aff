"""Small files that a job leaves in the lake for others to read."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession


def write_text(spark: SparkSession, uri: str, text: str) -> None:
    """Put a text under exactly this URI, in the place of what was there.

    By Hadoop's file system, which has the cluster's credentials; a DataFrame would write a folder.
    """
    context = spark.sparkContext
    jvm: Any = context._jvm
    path = jvm.org.apache.hadoop.fs.Path(uri)
    files = path.getFileSystem(context._jsc.hadoopConfiguration())
    stream = files.create(path, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()
