"""Errors of Spark with as much of their Java causes as the jobs look at."""

from __future__ import annotations


class JavaFake:
    """A Java exception."""

    def __init__(self, name: str, message: str, cause: JavaFake | None = None) -> None:
        self._name, self._message, self._cause = name, message, cause

    def getClass(self) -> JavaFake:  # noqa: N802  Java's names
        return self

    def getName(self) -> str:  # noqa: N802
        return self._name

    def getMessage(self) -> str:  # noqa: N802
        return self._message

    def getCause(self) -> JavaFake | None:  # noqa: N802
        return self._cause


class SparkError(Exception):
    """An error as Py4J hands it on; `names` are those of its causes, the outermost first."""

    def __init__(self, *names: str, message: str = "") -> None:
        super().__init__(message)
        self.java_exception: JavaFake | None = None
        for name in reversed(names):
            self.java_exception = JavaFake(name, message, self.java_exception)
