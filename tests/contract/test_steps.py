from __future__ import annotations

import pytest

from tidelake.contract.steps import StepName, asked_for_name, name_prefix

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


def test_a_step_that_a_person_asked_for_is_named_by_what_it_is_for() -> None:
    name = asked_for_name("dev", "backfill", "2026-11-22-2026-11-23")
    assert name == "dev/backfill-2026-11-22-2026-11-23"
    assert StepName.parse(name) is None


@pytest.mark.parametrize("job", ["curate", "maintain", "backfill", "aggregate"])
def test_names_start_with_their_environment_and_no_other(job: str) -> None:
    assert name_prefix("dev") == "dev/"
    for other in ("dev-2", "de", "prod-dev"):
        batch = StepName(environment=other, job=job, batch_id=BATCH, attempt=1)
        for name in (str(batch), asked_for_name(other, job, "2026-11-22-2026-11-23")):
            assert name.startswith(f"{other}/")
            assert not name.startswith("dev/")
