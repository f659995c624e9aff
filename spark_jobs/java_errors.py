"""What an error of Spark says beyond its text: its condition, and the Java exceptions beneath."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyspark.errors import PySparkException


@dataclass(frozen=True)
class JavaError:
    """One exception of the chain: its class by its full name, and its message."""

    type: str
    message: str


def condition(error: PySparkException) -> str | None:
    """What went wrong by Spark's name, such as PATH_NOT_FOUND; None if it has none."""
    # Spark 4 renamed it and warns of the old name, the only one that Spark 3.5 has.
    read: Callable[[], str | None] = getattr(error, "getCondition", error.getErrorClass)
    return read()


def causes(error: BaseException) -> Iterator[JavaError]:
    """The Java exceptions from the outermost to the first cause; none for a Python error."""
    # Py4J names it `java_exception`; PySpark's own errors keep what they were made from.
    java = getattr(error, "java_exception", None)
    if java is None:
        java = getattr(error, "_origin", None)
    while java is not None:
        yield JavaError(java.getClass().getName(), str(java.getMessage()))
        java = java.getCause()
