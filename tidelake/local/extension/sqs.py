"""SQS batches for Lambda: an event source mapping's BatchSize and batching window are honoured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import lambda_svc, sqs

from tidelake.local.extension.replacing import replace_function, require_functions
from tidelake.local.settings import LocalSettings

MAX_BATCH = 10_000
MAX_FIFO_BATCH = 10
MAX_PAYLOAD_BYTES = 6 * 2**20
"""Limits of one batch: "Using Lambda with Amazon SQS", AWS Lambda developer guide."""

RECORD_OVERHEAD_BYTES = 1024
"""What a message takes in an event besides its body, at most, as far as we count."""


def install(_settings: LocalSettings) -> None:
    """Replace the one place where MiniStack takes messages for a mapping, at most ten at a time."""
    require_functions(sqs, "_get_q", "_expire_retained", "_dlq_sweep", "_collect_msgs")
    batching = MappingBatches(clock=time.monotonic)
    batching.iterate_mappings = replace_function(
        lambda_svc, "_iter_all_esms", batching.remember_each
    )
    replace_function(sqs, "_receive_messages_for_esm", batching.receive)


class MappingBatches:
    """Messages held back until a batch is full or its window is over.

    MiniStack polls all mappings in one thread: it takes a mapping from `_iter_all_esms`, then asks
    for messages of its queue, so the mapping taken last is the one that asks.
    """

    iterate_mappings: Callable[..., Any]

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._current: dict[str, Any] = {}
        self._first_seen: dict[str, float] = {}

    def remember_each(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for account, region, mapping in self.iterate_mappings():
            self._current = mapping
            yield account, region, mapping

    def receive(self, queue_url: str, max_number: int) -> list[dict[str, Any]]:
        """The next batch, or nothing while the window is open and the batch not full."""
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            count, is_full = _batch(queue, int(max_number))
            if not self._is_due(count, is_full):
                return []
            visibility_seconds = int(queue["attributes"].get("VisibilityTimeout", "30"))
            messages: list[dict[str, Any]] = sqs._collect_msgs(queue, count, visibility_seconds)
            return messages

    def _is_due(self, count: int, is_full: bool) -> bool:
        mapping_id = self._current["UUID"]
        if count == 0:
            self._first_seen.pop(mapping_id, None)
            return False
        window_seconds = int(self._current.get("MaximumBatchingWindowInSeconds", 0))
        first_seen = self._first_seen.setdefault(mapping_id, self._clock())
        if not is_full and self._clock() - first_seen < window_seconds:
            return False
        del self._first_seen[mapping_id]
        return True


def _batch(queue: dict[str, Any], batch_size: int) -> tuple[int, bool]:
    """How many messages the next batch takes, and whether waiting could make it no larger."""
    limit = min(batch_size, MAX_FIFO_BATCH if queue["is_fifo"] else MAX_BATCH)
    now = time.time()
    count = size = 0
    for message in queue["messages"]:
        if message.get("visible_at", 0) > now:
            continue
        size += len(message["body"].encode()) + RECORD_OVERHEAD_BYTES
        if count and size > MAX_PAYLOAD_BYTES:
            return count, True
        count += 1
        if count == limit:
            return count, True
    return count, False
