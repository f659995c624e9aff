"""`tidelake aggregate`."""

from __future__ import annotations

import argparse

from rich.console import Console

from tidelake.commands.arguments import (
    Commands,
    add_cluster,
    add_command,
    add_days,
    add_environment,
)


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "aggregate",
        _run,
        help="compute anew what is made of the events of some days",
        description="Submit a Spark step that computes anew what is made of the events of some "
        "days, as when a table of it was lost or its definition has changed, and wait until it "
        "ends. The events stay as they are. Batches do the same for what they touch.",
    )
    add_days(parser, "the events", required=True)
    add_cluster(parser)
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.deployed import deployed
    from tidelake.operations.aggregate import aggregate
    from tidelake.operations.job_step import Days, JobCluster

    days = Days(first=parsed.first, end=parsed.end)
    found = deployed(parsed.environment)
    cluster = JobCluster.find(found.client("emr"), found.outputs, parsed.cluster)
    aggregate(cluster, Console(), parsed.environment, days)
    return 0
