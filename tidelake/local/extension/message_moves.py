"""Moving the messages of a dead-letter queue back: the three calls that MiniStack lacks.

The rules are those of the SQS API reference: StartMessageMoveTask, ListMessageMoveTasks and
CancelMessageMoveTask. A moved message is a new one, with another id and age.
"""

from __future__ import annotations

import base64
import contextvars
import json
import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.services import sqs

from tidelake.local.extension.replacing import require_functions
from tidelake.local.settings import LocalSettings

MOST_PER_SECOND = 500
MOST_LISTED = 10
INVALID = "InvalidParameterValue"
UNSUPPORTED = "UnsupportedOperation"
UNKNOWN = "ResourceNotFoundException"
_BAD_RATE = (
    "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number "
    "that's between 1 and 500."
)
_RUNNING = (
    "There is already a task running. Only one active task is allowed for a source queue arn at a "
    "given time."
)


def install(_settings: LocalSettings) -> None:
    """Add the calls to MiniStack's table of SQS actions."""
    require_functions(sqs, "_queue_by_arn", "_Err", "_refresh_counts")
    moves = MessageMoves()
    sqs._HANDLERS.update(
        {
            "StartMessageMoveTask": moves.start,
            "ListMessageMoveTasks": moves.list_latest,
            "CancelMessageMoveTask": moves.cancel,
        }
    )


@dataclass(kw_only=True)
class MoveTask:
    """One move; `to_move` is the depth of the queue at its start."""

    handle: str
    source: str
    destination: str | None
    per_second: int | None
    to_move: int
    started_ms: int
    moved: int = 0
    status: str = "RUNNING"
    cancelled: threading.Event = field(default_factory=threading.Event)

    def result(self) -> dict[str, Any]:
        """As ListMessageMoveTasks shows it; only a running task has a handle."""
        shown: dict[str, Any] = {
            "Status": self.status,
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": self.started_ms,
        }
        if self.status == "RUNNING":
            shown["TaskHandle"] = self.handle
        if self.destination is not None:
            shown["DestinationArn"] = self.destination
        if self.per_second is not None:
            shown["MaxNumberOfMessagesPerSecond"] = self.per_second
        return shown


class MessageMoves:
    """Every move since the start, the newest first, by the queue that it empties."""

    def __init__(self) -> None:
        self._tasks: dict[str, list[MoveTask]] = defaultdict(list)

    def start(self, data: dict[str, Any], _queue_url: str) -> dict[str, Any]:
        """Begin to move; the messages go in the background."""
        source = _queue(data, "SourceArn")
        per_second = data.get("MaxNumberOfMessagesPerSecond")
        if per_second is not None and not 1 <= int(per_second) <= MOST_PER_SECOND:
            raise sqs._Err(INVALID, _BAD_RATE)
        if not _sources_of(data["SourceArn"]):
            raise sqs._Err(INVALID, "Source queue must be configured as a Dead Letter Queue.")
        destination = _queue(data, "DestinationArn") if "DestinationArn" in data else None
        tasks = self._tasks[data["SourceArn"]]
        if tasks and tasks[0].status in ("RUNNING", "CANCELLING"):
            raise sqs._Err(UNSUPPORTED, _RUNNING)
        sqs._refresh_counts(source)
        task = MoveTask(
            handle=_handle(data["SourceArn"]),
            source=data["SourceArn"],
            destination=data.get("DestinationArn"),
            per_second=per_second,
            to_move=int(source["attributes"]["ApproximateNumberOfMessages"]),
            started_ms=int(time.time() * 1000),
        )
        tasks.insert(0, task)
        # State is found by account and region, which a thread does not inherit.
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(_move, task, source, destination), daemon=True
        ).start()
        return {"TaskHandle": task.handle}

    def list_latest(self, data: dict[str, Any], _queue_url: str) -> dict[str, Any]:
        """The latest moves of a queue."""
        _queue(data, "SourceArn")
        count = min(int(data.get("MaxResults", 1)), MOST_LISTED)
        return {"Results": [task.result() for task in self._tasks[data["SourceArn"]][:count]]}

    def cancel(self, data: dict[str, Any], _queue_url: str) -> dict[str, Any]:
        """Stop a running move; what was moved stays moved."""
        for tasks in self._tasks.values():
            for task in tasks:
                if task.handle == data.get("TaskHandle") and task.status == "RUNNING":
                    task.status = "CANCELLING"
                    task.cancelled.set()
                    return {"ApproximateNumberOfMessagesMoved": task.moved}
        raise sqs._Err(UNKNOWN, "Task does not exist.")


def _move(task: MoveTask, source: dict[str, Any], destination: dict[str, Any] | None) -> None:
    """Move the visible messages one by one, at the task's rate."""
    pause_seconds = 0.0 if task.per_second is None else 1 / task.per_second
    while not task.cancelled.wait(pause_seconds):
        with sqs._queues_lock:
            message = _take(source)
            if message is None:
                break
            target = _origin(message, task.source) if destination is None else destination
            target["messages"].append(_new(message))
            task.moved += 1
        esm_wake.set()
    task.status = "CANCELLED" if task.cancelled.is_set() else "COMPLETED"


def _take(queue: dict[str, Any]) -> dict[str, Any] | None:
    now = time.time()
    for index, message in enumerate(queue["messages"]):
        if message.get("visible_at", 0) <= now:
            taken: dict[str, Any] = queue["messages"].pop(index)
            return taken
    return None


def _new(message: dict[str, Any]) -> dict[str, Any]:
    """The message as if sent now."""
    now = time.time()
    attributes = {
        name: value
        for name, value in message.get("sys", {}).items()
        if name != "DeadLetterQueueSourceArn"
    }
    return message | {
        "id": str(uuid.uuid4()),
        "sent_at": now,
        "enqueued_at": now,
        "visible_at": now,
        "receipt_handle": None,
        "first_receive_at": None,
        "receive_count": 0,
        "sys": attributes | {"SentTimestamp": str(int(now * 1000))},
    }


def _origin(message: dict[str, Any], dead_letters: str) -> dict[str, Any]:
    """The queue that a message died in; one that uses the dead-letter queue if it does not say."""
    arn = message.get("sys", {}).get("DeadLetterQueueSourceArn")
    found = None if arn is None else sqs._queue_by_arn(arn)
    origin: dict[str, Any] = _sources_of(dead_letters)[0] if found is None else found
    return origin


def _sources_of(arn: str) -> list[dict[str, Any]]:
    """The queues whose dead letters go to the queue `arn`."""
    return [
        queue
        for queue in sqs._queues.values()
        if _redrive_policy(queue).get("deadLetterTargetArn") == arn
    ]


def _redrive_policy(queue: dict[str, Any]) -> dict[str, Any]:
    text = queue["attributes"].get("RedrivePolicy")
    policy: dict[str, Any] = json.loads(text) if text else {}
    return policy


def _queue(data: dict[str, Any], parameter: str) -> dict[str, Any]:
    queue: dict[str, Any] | None = sqs._queue_by_arn(data.get(parameter, ""))
    if queue is None:
        raise sqs._Err(
            UNKNOWN, f"The resource that you specified for the {parameter} parameter doesn't exist."
        )
    return queue


def _handle(source: str) -> str:
    document = {"taskId": str(uuid.uuid4()), "sourceArn": source}
    return base64.b64encode(json.dumps(document).encode()).decode()
