"""The aggregates of some days are computed anew by one step."""

from __future__ import annotations

from datetime import date

from rich.console import Console

from tests.lambda_src.fake_emr import FakeEmr
from tidelake.contract.deployment import Output
from tidelake.operations.aggregate import aggregate
from tidelake.operations.job_step import Days, JobCluster

OUTPUTS = {
    Output.DATABASE: "streaming_db",
    Output.SHARED_CODE_URL: "s3://assets/shared.zip",
    Output.AGGREGATE_URL: "s3://assets/aggregate.py",
}


def test_days_of_events_are_one_step_of_the_aggregate_job() -> None:
    emr = FakeEmr()
    cluster_id = emr.run_job_flow(Name="lake")["JobFlowId"]

    def end(_seconds: float) -> None:
        emr.end_step("dev/aggregate-2026-11-22-2026-11-23", "COMPLETED")

    cluster = JobCluster(emr=emr, outputs=OUTPUTS, cluster_id=cluster_id, sleep=end)
    days = Days(first=date(2026, 11, 22), end=date(2026, 11, 23))
    aggregate(cluster, Console(quiet=True), "dev", days)
    assert emr.names() == ["dev/aggregate-2026-11-22-2026-11-23"]
    arguments = "spark-submit --py-files s3://assets/shared.zip s3://assets/aggregate.py"
    arguments += " --database streaming_db --from 2026-11-22 --to 2026-11-23"
    [step] = emr.clusters[cluster_id]["Steps"]
    assert step["HadoopJarStep"]["Args"] == arguments.split()
