"""Names of Spark steps: whose they are, which job they run, for which batch, at which attempt.

EMR's AddJobFlowSteps takes no client token, so the name is how a step is found again after its
reply was lost: it depends on what was written down before, and on nothing else. It is also all that
EMR's events tell of a step but ids, which nobody knows beforehand where clusters come and go: hence
the environment, which keeps the steps of two environments in one account apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CURATE = "curate"
MAINTAIN = "maintain"
"""The jobs that the trigger submits, by the names of their scripts."""

BACKFILL = "backfill"
"""The job that a person submits, by `tidelake backfill`."""

_NAME = re.compile(rf"([a-z][a-z0-9-]*)/({CURATE}|{MAINTAIN})-([0-9a-f]{{32}})-([1-9]\d{{0,5}})")


def name_prefixes(environment: str) -> tuple[str, ...]:
    """How the names of all steps of one environment start, and those of no other's."""
    return tuple(f"{environment}/{job}-" for job in (CURATE, MAINTAIN))


@dataclass(frozen=True, kw_only=True)
class StepName:
    """A step's name, such as `dev/curate-2ffd38095a6973d3a338701df21cdc6b-1`."""

    environment: str
    job: str
    batch_id: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.environment}/{self.job}-{self.batch_id}-{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> StepName | None:
        """The parts of a name; None for a step that somebody else submitted."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        environment, job, batch_id, attempt = match.groups()
        return cls(environment=environment, job=job, batch_id=batch_id, attempt=int(attempt))
