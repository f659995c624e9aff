"""What EMR tells EventBridge: a detail for each state that a cluster or a step enters.

The shapes are those of the samples in the EMR Management Guide ("Monitoring Amazon EMR events");
AWS asks not to parse the messages.
"""

from __future__ import annotations

import contextvars
import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tidelake.local.extension.emr.records import Record, state_of

_log = logging.getLogger(__name__)

CLUSTER_EVENT = "EMR Cluster State Change"
STEP_EVENT = "EMR Step Status Change"

_ANNOUNCED_CLUSTER_STATES = frozenset(
    {"STARTING", "RUNNING", "WAITING", "TERMINATED", "TERMINATED_WITH_ERRORS"}
)


class EventPublisher:
    """Hands events on from a thread of its own, in order.

    Whoever changes a state may hold a lock or stand on the server's event loop; a target of the
    event may call back into EMR at once. `send(detail_type, detail)` runs with the context
    variables of the publisher's caller, which carry the account and the region.
    """

    def __init__(self, send: Callable[[str, Mapping[str, str]], object]) -> None:
        self._send = send
        self._waiting: queue.SimpleQueue[tuple[contextvars.Context, str, Mapping[str, str]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._forward, daemon=True, name="emr-events").start()

    def cluster_changed(self, cluster: Record) -> None:
        """Tell of the state that a cluster is in now, if EMR tells of it."""
        if state_of(cluster) in _ANNOUNCED_CLUSTER_STATES:
            self._publish(CLUSTER_EVENT, cluster_detail(cluster))

    def step_changed(self, cluster: Record, step: Record) -> None:
        """Tell of the state that a step is in now."""
        self._publish(STEP_EVENT, step_detail(cluster, step))

    def _publish(self, detail_type: str, detail: Mapping[str, str]) -> None:
        self._waiting.put((contextvars.copy_context(), detail_type, detail))

    def _forward(self) -> None:
        while True:
            context, detail_type, detail = self._waiting.get()
            try:
                context.run(self._send, detail_type, detail)
            except Exception:
                # One event that a target chokes on must not silence all that follow.
                _log.exception("%s was not delivered", detail_type)


def cluster_detail(cluster: Record) -> dict[str, str]:
    """The detail of `EMR Cluster State Change`."""
    state = state_of(cluster)
    reason = cluster["Status"]["StateChangeReason"]
    subject = f"{cluster['Id']} ({cluster['Name']})"
    time = _minute()
    messages = {
        "STARTING": f"Amazon EMR cluster {subject} was requested at {time} and is being created.",
        "RUNNING": f"Amazon EMR cluster {subject} began running steps at {time}.",
        "WAITING": f"Amazon EMR cluster {subject} has no pending steps at {time}.",
        "TERMINATED": f"Amazon EMR Cluster {subject} has terminated at {time} "
        f"with a reason of {reason.get('Code', '')}.",
        "TERMINATED_WITH_ERRORS": f"Amazon EMR Cluster {subject} has terminated with errors "
        f"at {time} with a reason of {reason.get('Code', '')}.",
    }
    return {
        "severity": "CRITICAL" if state == "TERMINATED_WITH_ERRORS" else "INFO",
        "stateChangeReason": json.dumps(
            {"code": reason.get("Code", ""), "message": reason.get("Message", "")},
            separators=(",", ":"),
        ),
        "name": cluster["Name"],
        "clusterId": cluster["Id"],
        "state": state,
        "message": messages[state],
    }


def step_detail(cluster: Record, step: Record) -> dict[str, str]:
    """The detail of `EMR Step Status Change`."""
    state = state_of(step)
    severities = {"FAILED": "ERROR", "CANCELLED": "WARN", "CANCEL_PENDING": "WARN"}
    what_happened = {
        "PENDING": "is pending execution",
        "CANCEL_PENDING": "is pending cancellation",
        "RUNNING": "started running",
        "COMPLETED": "completed execution",
        "FAILED": "failed",
        "CANCELLED": "was cancelled",
    }
    return {
        "severity": severities.get(state, "INFO"),
        "actionOnFailure": step["ActionOnFailure"],
        "stepId": step["Id"],
        "name": step["Name"],
        "clusterId": cluster["Id"],
        "state": state,
        "message": f"Step {step['Id']} ({step['Name']}) in Amazon EMR cluster {cluster['Id']} "
        f"({cluster['Name']}) {what_happened[state]} at {_minute()}.",
    }


def _minute() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
