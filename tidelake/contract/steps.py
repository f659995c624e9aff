"""Names of Spark steps: which job they run, for which batch, at which attempt.

EMR's AddJobFlowSteps takes no client token, so the name is how a step is found again after its
reply was lost: it depends on what was written down before, and on nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CURATE = "curate"
MAINTAIN = "maintain"
"""The jobs that the trigger submits, by the names of their scripts."""

BACKFILL = "backfill"
"""The job that a person submits, by `tidelake backfill`."""

NAME_PREFIXES = (f"{CURATE}-", f"{MAINTAIN}-")
"""How the names of all steps start that the trigger submits."""

_NAME = re.compile(rf"({CURATE}|{MAINTAIN})-([0-9a-f]{{32}})-([1-9]\d{{0,5}})")


@dataclass(frozen=True, kw_only=True)
class StepName:
    """A step's name, such as `curate-2ffd38095a6973d3a338701df21cdc6b-1`."""

    job: str
    batch_id: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.job}-{self.batch_id}-{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> StepName | None:
        """The parts of a name; None for a step that somebody else submitted."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        return cls(job=match[1], batch_id=match[2], attempt=int(match[3]))
