"""Names of Spark steps: whose they are, which job they run, for which batch, at which attempt.

EMR's AddJobFlowSteps takes no client token, so the name is how a step is found again after its
reply was lost: it depends on what was written down before, and on nothing else. It is also all that
EMR's events tell of a step but ids, which nobody knows beforehand where clusters come and go: hence
the environment, which keeps the steps of two environments in one account apart. The `name` of an
event is that of the step, not cut as in its `message` (the example of "EMR Step Status Change" in
"Monitor Amazon EMR clusters with CloudWatch Events", EMR management guide).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CURATE = "curate"
MAINTAIN = "maintain"
"""The jobs that the trigger submits, by the names of their scripts."""

BACKFILL = "backfill"
AGGREGATE = "aggregate"
"""The jobs that a person submits, by the commands of their names."""

_NAME = re.compile(rf"([a-z][a-z0-9-]*)/({CURATE}|{MAINTAIN})-([0-9a-f]{{32}})-([1-9]\d{{0,5}})")


def name_prefix(environment: str) -> str:
    """How the names of all steps of one environment start, and those of no other's."""
    return f"{environment}/"


def asked_for_name(environment: str, job: str, what: str) -> str:
    """The name of a step that a person asked for, such as `dev/backfill-2026-11-22-2026-11-23`."""
    return f"{name_prefix(environment)}{job}-{what}"


@dataclass(frozen=True, kw_only=True)
class StepName:
    """The name of a batch's step, such as `dev/curate-2ffd38095a6973d3a338701df21cdc6b-1`."""

    environment: str
    job: str
    batch_id: str
    attempt: int

    def __str__(self) -> str:
        return f"{name_prefix(self.environment)}{self.job}-{self.batch_id}-{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> StepName | None:
        """The parts of a name; None for a step that no batch has."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        environment, job, batch_id, attempt = match.groups()
        return cls(environment=environment, job=job, batch_id=batch_id, attempt=int(attempt))
