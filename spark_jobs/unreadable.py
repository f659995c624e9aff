"""Which raw objects cannot be read, and why.

Looked for only when reading all of a batch failed, or an object gave no event: the good path pays
nothing. An error that says nothing of an object's content, such as one of the network, is raised:
the batch is tried again as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import SparkSession

from spark_jobs.java_errors import JavaError, causes
from spark_jobs.raw_events import literal_path, read_objects
from tidelake.contract.schema import COMMON_FIELDS

GONE = "the object is gone"
NO_PARQUET = "the object is no readable Parquet"
OTHER_TYPE = "a column of the object is not of the contract's type"

_CONTENT_ERRORS = (
    "java.lang.",
    "java.io.EOFException",
    "java.io.IOException",
    "org.apache.parquet.",
    "org.apache.spark.sql.AnalysisException",
    "org.apache.spark.sql.execution.datasources.",
    # The codecs of Parquet pages.
    "org.xerial.snappy.",
    "com.github.luben.zstd.",
)
"""Classes of first causes that a file's bytes bring about; S3, the network and the cluster have
classes of their own."""

_MACHINE_ERRORS = ("java.lang.OutOfMemoryError", "java.lang.StackOverflowError")
_FULL_DISK = "No space left on device"


def find_unreadable(spark: SparkSession, uris: Sequence[str]) -> dict[str, str]:
    """The objects that fail to be read, with the reason; found by halving, so that few are cheap.

    Raises the error of reading when it is not about the content of an object.
    """
    if len(uris) == 1:
        reason = why_unreadable(spark, uris[0])
        return {} if reason is None else {uris[0]: reason}
    try:
        _read_through(spark, uris)
    except Exception as error:
        reason_or_raise(error)
        middle = len(uris) // 2
        return find_unreadable(spark, uris[:middle]) | find_unreadable(spark, uris[middle:])
    return {}


def why_unreadable(spark: SparkSession, uri: str) -> str | None:
    """Why one object cannot be read as raw events; None if it can. Every column is read."""
    try:
        present = {name.lower() for name in spark.read.parquet(literal_path(uri)).columns}
        _read_through(spark, [uri])
    except Exception as error:
        return reason_or_raise(error)
    missing = [field.name for field in COMMON_FIELDS if field.name not in present]
    if missing:
        return f"the object has no column {', '.join(missing)}"
    return None


def reason_or_raise(error: Exception) -> str:
    """What an error of reading says of the objects; raises it if it says nothing of them."""
    chain = list(causes(error))
    if any(cause.type in _MACHINE_ERRORS or _FULL_DISK in cause.message for cause in chain):
        raise error
    if any(_is_gone(cause) for cause in chain):
        return GONE
    if any(cause.type.endswith(".SchemaColumnConvertNotSupportedException") for cause in chain):
        return OTHER_TYPE
    if chain and chain[-1].type.startswith(_CONTENT_ERRORS):
        return NO_PARQUET
    raise error


def _is_gone(cause: JavaError) -> bool:
    return cause.type == "java.io.FileNotFoundException" or "PATH_NOT_FOUND" in cause.message


def _read_through(spark: SparkSession, uris: Iterable[str]) -> None:
    read_objects(spark, list(uris)).write.format("noop").mode("overwrite").save()
