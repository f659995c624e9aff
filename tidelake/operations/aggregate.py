"""What `tidelake aggregate` does: has all that is made of the events of some days made anew."""

from __future__ import annotations

from rich.console import Console

from tidelake.contract.deployment import Output
from tidelake.contract.steps import AGGREGATE, asked_for_name
from tidelake.operations.job_step import Days, JobCluster, JobStep


def aggregate(cluster: JobCluster, console: Console, environment: str, days: Days) -> str:
    """Compute the aggregates of those days of events anew; the step's id.

    Does no harm beside running batches, nor twice. Raises as `JobCluster.run` does.
    """
    job = JobStep(
        name=asked_for_name(environment, AGGREGATE, f"{days.first}-{days.end}"),
        title=f"aggregate {days}",
        script=Output.AGGREGATE_URL,
        arguments=days.arguments,
    )
    return cluster.run(job, console)
