"""A period is taken in again by one step, which is followed to its end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from rich.console import Console

from tests.lambda_src.fake_emr import FakeEmr
from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError, PipelineError
from tidelake.operations.backfill import Period, backfill

STEP = "backfill-2026-11-22-2026-11-23"
PERIOD = Period(first=date(2026, 11, 22), end=date(2026, 11, 23))
OUTPUTS = {
    Output.DATABASE: "streaming_db",
    Output.LAKE_BUCKET: "lake",
    Output.SHARED_CODE_URL: "s3://assets/shared.zip",
    Output.BACKFILL_URL: "s3://assets/backfill.py",
}


def ended(state: str, **changes: Any) -> FakeEmr:
    """What EMR has after a backfill whose step ended like that."""
    emr = FakeEmr()
    cluster: str = emr.run_job_flow(Name="lake")["JobFlowId"]

    def end(_seconds: float) -> None:
        emr.end_step(STEP, state, **({} if state == "COMPLETED" else {"Reason": "no memory"}))

    backfill(
        emr, OUTPUTS | {Output.CLUSTER: cluster}, Console(quiet=True), PERIOD, sleep=end, **changes
    )
    return emr


@pytest.mark.parametrize(("again", "added"), [(False, []), (True, ["--again"])])
def test_a_period_is_one_step_of_the_backfill_job(again: bool, added: list[str]) -> None:
    emr = ended("COMPLETED", again=again)
    assert emr.names() == [STEP]
    (cluster,) = emr.clusters.values()
    arguments = "spark-submit --py-files s3://assets/shared.zip s3://assets/backfill.py"
    arguments += " --database streaming_db --raw s3://lake/streaming-data/"
    arguments += " --from 2026-11-22 --to 2026-11-23"
    assert cluster["Steps"][0]["HadoopJarStep"]["Args"] == [*arguments.split(), *added]


def test_a_step_that_fails_is_told_with_its_reason() -> None:
    with pytest.raises(PipelineError, match="is FAILED: no memory"):
        ended("FAILED")


def test_an_environment_without_a_cluster_of_its_own_asks_for_one() -> None:
    with pytest.raises(ConfigurationError, match="--cluster"):
        backfill(FakeEmr(), OUTPUTS, Console(quiet=True), PERIOD)


def test_a_period_of_no_day_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--to = '2026-11-22' is not allowed"):
        Period(first=date(2026, 11, 22), end=date(2026, 11, 22))
