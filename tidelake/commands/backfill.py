"""`tidelake backfill`."""

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
        "backfill",
        _run,
        help="take raw objects to the tables again, or old ones for the first time",
        description="Submit a Spark step that takes the raw objects that arrived on some days to "
        "the tables, or all below a folder of another bucket, and wait until it ends. What the "
        "ledger has as read is left out, and nothing is taken twice.",
    )
    add_days(parser, "arrival", required=False)
    parser.add_argument(
        "--raw",
        metavar="S3_FOLDER",
        help="another folder than the lake's streaming-data/, such as s3://BUCKET/2019/; without "
        "days all below it",
    )
    parser.add_argument("--again", action="store_true", help="also what the ledger has as read")
    add_cluster(parser)
    add_environment(parser)


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.deployed import deployed
    from tidelake.operations.backfill import RawFolder, backfill, print_outcome
    from tidelake.operations.job_step import Days, JobCluster

    days = Days.between(parsed.first, parsed.end)
    found, console = deployed(parsed.environment), Console()
    folder = RawFolder.of(parsed.raw, days, found.outputs)
    cluster = JobCluster.find(found.client("emr"), found.outputs, parsed.cluster)
    objects = folder.objects(found.client("s3"))
    backfill(cluster, console, parsed.environment, folder, again=parsed.again)
    print_outcome(console, found.tables, objects)
    return 0
