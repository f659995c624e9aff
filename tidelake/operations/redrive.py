"""What `tidelake redrive` does: SQS moves the dead letters back, and their number is watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError, PipelineError
from tidelake.local.progress import stage

MOST_PER_SECOND = 500
"""MaxNumberOfMessagesPerSecond of StartMessageMoveTask, SQS API reference."""
POLL_SECONDS = 0.5


def redrive(
    sqs: Any,
    outputs: Mapping[Output, str],
    console: Console,
    *,
    per_second: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Move every message of the trigger's dead-letter queue to the trigger's queue; how many.

    SQS does the moving (StartMessageMoveTask): a message is in one of the queues all the time, and
    a task goes on when this process ends. A task that runs already is watched, not started again.
    Raises ConfigurationError for a rate above 500, PipelineError when SQS gives the task up.
    """
    if per_second is not None and per_second > MOST_PER_SECOND:
        raise ConfigurationError("--per-second", per_second, f"1 to {MOST_PER_SECOND}")
    source = _arn(sqs, outputs[Output.TRIGGER_DEAD_LETTERS])
    if _running(sqs, source) is None:
        request = {
            "SourceArn": source,
            "DestinationArn": _arn(sqs, outputs[Output.TRIGGER_QUEUE]),
        }
        rate = {} if per_second is None else {"MaxNumberOfMessagesPerSecond": per_second}
        sqs.start_message_move_task(**request, **rate)
    with stage(console, "give the trigger its dead letters again") as moving:
        while (task := _latest(sqs, source))["Status"] == "RUNNING":
            moving.heartbeat(_progress(task))
            sleep(POLL_SECONDS)
        moving.detail = _progress(task)
    if task["Status"] != "COMPLETED":
        reason = task.get("FailureReason", "no reason was given")
        raise PipelineError(f"the move of the dead letters is {task['Status']}: {reason}")
    moved: int = task["ApproximateNumberOfMessagesMoved"]
    return moved


def _arn(sqs: Any, url: str) -> str:
    reply = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = reply["Attributes"]["QueueArn"]
    return arn


def _running(sqs: Any, source: str) -> dict[str, Any] | None:
    tasks = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"]
    return tasks[0] if tasks and tasks[0]["Status"] == "RUNNING" else None


def _latest(sqs: Any, source: str) -> dict[str, Any]:
    """The newest task, which SQS lists first."""
    task: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"][0]
    return task


def _progress(task: dict[str, Any]) -> str:
    moved = task.get("ApproximateNumberOfMessagesMoved", 0)
    total = task.get("ApproximateNumberOfMessagesToMove")
    return f"{moved:,} messages" if total is None else f"{moved:,} of {total:,} messages"
