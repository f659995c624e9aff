from __future__ import annotations

import pytest

from tidelake.contract.steps import StepName

BATCH = "2ffd38095a6973d3a338701df21cdc6b"


@pytest.mark.parametrize("job", ["curate", "maintain"])
def test_a_step_is_named_by_its_job_batch_and_attempt(job: str) -> None:
    name = StepName(job=job, batch_id=BATCH, attempt=12)
    assert str(name) == f"{job}-{BATCH}-12"
    assert StepName.parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    ["", "wordcount", f"curate-{BATCH}", f"curate-{BATCH}-0", "curate-x-1", f"other-{BATCH}-1"],
)
def test_a_step_of_somebody_else_is_none_of_ours(text: str) -> None:
    assert StepName.parse(text) is None
