from __future__ import annotations

import pytest

from tidelake.contract.steps import StepName, name_prefixes

BATCH = "2ffd38095a6973d3a338701df21cdc6b"


@pytest.mark.parametrize("job", ["curate", "maintain"])
def test_a_step_is_named_by_its_environment_job_batch_and_attempt(job: str) -> None:
    name = StepName(environment="dev-2", job=job, batch_id=BATCH, attempt=12)
    assert str(name) == f"dev-2/{job}-{BATCH}-12"
    assert StepName.parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", "wordcount", f"curate-{BATCH}-1", f"/curate-{BATCH}-1", f"dev/curate-{BATCH}"),
        *(f"dev/curate-{BATCH}-0", "dev/curate-x-1", f"dev/other-{BATCH}-1"),
    ],
)
def test_a_step_of_somebody_else_is_none_of_ours(text: str) -> None:
    assert StepName.parse(text) is None


def test_no_step_of_another_environment_starts_as_this_ones_do() -> None:
    assert name_prefixes("dev") == ("dev/curate-", "dev/maintain-")
    for other in ("dev-2", "de", "prod-dev"):
        name = StepName(environment=other, job="curate", batch_id=BATCH, attempt=1)
        assert not str(name).startswith(name_prefixes("dev"))
