"""What lies beneath an error of Spark: the chain of Java exceptions that caused it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class JavaError:
    """One exception of the chain: its class by its full name, and its message."""

    type: str
    message: str


def causes(error: BaseException) -> Iterator[JavaError]:
    """The Java exceptions from the outermost to the first cause; none for a Python error."""
    # Py4J names it `java_exception`; PySpark's own errors keep what they were made from.
    java = getattr(error, "java_exception", None)
    if java is None:
        java = getattr(error, "_origin", None)
    while java is not None:
        yield JavaError(java.getClass().getName(), str(java.getMessage()))
        java = java.getCause()
