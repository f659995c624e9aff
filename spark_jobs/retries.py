"""Commits that lose a race against another one read anew and try again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from spark_jobs.java_errors import causes

ATTEMPTS = 12
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

_ICEBERG = "org.apache.iceberg.exceptions."
CONFLICTS = frozenset(
    {
        # Another commit came first, or changed what this one had read.
        _ICEBERG + "CommitFailedException",
        _ICEBERG + "ValidationException",
        # Whether it was done is not known; each commit of the jobs may be repeated.
        _ICEBERG + "CommitStateUnknownException",
        # Two runs create one table, or add one column.
        _ICEBERG + "AlreadyExistsException",
        "org.apache.spark.sql.catalyst.analysis.TableAlreadyExistsException",
    }
)

Result = TypeVar("Result")


def retried(commit: Callable[[], Result]) -> Result:
    """Run `commit`, which reads what it depends on each time, until no other one interferes.

    Between attempts lies a pause of random length with a growing limit (full jitter). Raises the
    last conflict when all `ATTEMPTS` met one, and any other error at once.
    """
    limit = FIRST_PAUSE_SECONDS
    for _ in range(ATTEMPTS - 1):
        try:
            return commit()
        except Exception as error:
            if not is_conflict(error):
                raise
        time.sleep(random.uniform(0, limit))  # noqa: S311  spreads retries, protects nothing
        limit = min(limit * 2, LONGEST_PAUSE_SECONDS)
    return commit()


def is_conflict(error: BaseException) -> bool:
    """Whether a commit failed because of another one."""
    return any(cause.type in CONFLICTS for cause in causes(error))
