"""How long what cannot be taken now waits in the queue, and how long that can go on."""

from __future__ import annotations

QUEUE_RETENTION_SECONDS = 14 * 24 * 3600
"""The most that SQS keeps a message (SetQueueAttributes, MessageRetentionPeriod)."""

_FIRST_SECONDS = 5


def deferral_seconds(receives: int, longest: int) -> int:
    """How long to hide a message that was received so often: 5 s, then twice as long each time."""
    doublings = min(receives - 1, 30)
    return int(min(longest, _FIRST_SECONDS * 2**doublings))


def shortest_wait_seconds(attempts: int, longest: int) -> int:
    """After how long, at the earliest, a message that is only ever deferred has been received
    `attempts` times, and would become a dead letter."""
    return sum(deferral_seconds(receives, longest) for receives in range(1, attempts + 1))
