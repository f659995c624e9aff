"""What may be configured of the way from a new object to a Spark step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option


@dataclass(frozen=True, kw_only=True)
class TriggerConfig:
    """The function that makes one Spark step of a batch of new raw objects."""

    batch_size: int = option(
        100, "Most object events in one batch, so in one step.", minimum=1, maximum=10_000
    )
    batching_window_seconds: int = option(
        60, "How long events are gathered for a batch.", minimum=0, maximum=300
    )
    timeout_seconds: int = option(60, "Time limit of one invocation.", minimum=3, maximum=900)
    memory_mib: int = option(256, "Memory of the function.", minimum=128, maximum=10_240)
    attempts: int = option(
        5,
        "Receives after which an event becomes a dead letter.",
        minimum=1,
        maximum=1_000,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        # Lambda refuses an SQS mapping with more than 10 records a batch and no window.
        if self.batch_size > 10 and self.batching_window_seconds == 0:
            yield "batching_window_seconds", 0, "1 or more where batch_size is above 10"
