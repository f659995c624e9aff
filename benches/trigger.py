"""What the trigger costs at a cold start, against one client of boto3, as any function has.

A fresh process each time. Lambda's init phase is the import of the handler; the clients of
everything that a first batch reaches come on top when it comes, and are shown beside it.
"""

from __future__ import annotations

import functools
import os
import sys

from benches.harness import Sample, Target, interleaved, report, timed_process

ROUNDS = 7
MOST = 1.2
_PEER = "import boto3; boto3.client('emr')"
_INIT = "import lambda_src.step_trigger.handler"
_FIRST_BATCH = """
from lambda_src.batches.clients import Clients
import lambda_src.step_trigger.handler
clients = Clients()
clients.dynamodb, clients.emr, clients.s3
"""
_INIT_NAME = "trigger, init"
_PEER_NAME, _OURS_NAME = "boto3.client('emr')", "trigger, up to a first step"
_SUBJECTS = {_PEER_NAME: _PEER, _INIT_NAME: _INIT, _OURS_NAME: _FIRST_BATCH}


def main() -> int:
    """Print the table, write the figures, and fail where a target is missed."""
    medians = interleaved(
        {name: functools.partial(_cold_start, code) for name, code in _SUBJECTS.items()},
        rounds=ROUNDS,
    )
    peer, init = medians[_PEER_NAME].cpu_seconds, medians[_INIT_NAME].cpu_seconds
    rows: list[dict[str, str | float]] = [
        {"subject": name, **sample.columns()} for name, sample in medians.items()
    ]
    return report("trigger", rows, [Target("CPU of init / peer", init / peer, at_most=MOST)])


def _cold_start(code: str) -> Sample:
    environment = os.environ | {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return timed_process([sys.executable, "-c", code], env=environment)


if __name__ == "__main__":
    sys.exit(main())
