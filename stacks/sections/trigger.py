"""What may be configured of the way from a new object to a Spark step that completed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option
from tidelake.contract.deferral import QUEUE_RETENTION_SECONDS, shortest_wait_seconds

_EMR_MOST_STEPS = 256
"""Active steps of one cluster ("Submit work to a cluster", EMR management guide)."""
_RECOMMENDED_TIMEOUTS = 6
"""How many times the function's limit a message stays hidden, as Lambda's guide recommends."""


@dataclass(frozen=True, kw_only=True)
class TriggerConfig:
    """The functions that make one Spark step of a batch of new raw objects, and follow it."""

    batch_size: int = option(
        1_000, "Most object events in one batch, so in one step.", minimum=1, maximum=10_000
    )
    batching_window_seconds: int = option(
        60, "How long events are gathered for a batch.", minimum=0, maximum=300
    )
    concurrency: int = option(5, "Most batches that are taken at once.", minimum=2, maximum=50)
    timeout_seconds: int = option(60, "Time limit of one invocation.", minimum=3, maximum=900)
    lease_seconds: int = option(
        90,
        "How long an invocation owns what it took; above timeout_seconds, so that what a dead one "
        "left is free, and a live one's is not.",
        minimum=4,
        maximum=3_600,
    )
    visibility_seconds: int = option(
        420,
        "How long SQS hides what a failed invocation was handed; above lease_seconds, so that it "
        "can be taken when it comes back, and 6 times timeout_seconds and the window or more.",
        minimum=30,
        maximum=43_200,
    )
    memory_mib: int = option(256, "Memory of each function.", minimum=128, maximum=10_240)
    most_active_steps: int = option(
        200,
        "Active steps of the cluster from which on new work stays queued; EMR takes 256.",
        minimum=1,
        maximum=250,
    )
    attempts: int = option(
        1_000,
        "Receives after which a message becomes a dead letter. What is no message becomes one at "
        "once; this is for what fails all the time.",
        minimum=1,
        maximum=1_000,
    )
    longest_deferral_seconds: int = option(
        1_800,
        "Longest that work waits between two looks at a cluster that takes none; so long that "
        "waiting alone makes no dead letter within the 14 days of the queue. SQS hides a message "
        "for 12 hours from its receive on, and no longer.",
        minimum=60,
        maximum=39_600,
    )
    step_attempts: int = option(
        3,
        "Failed attempts of a batch after which it is halved, and at last set aside.",
        minimum=1,
        maximum=9,
    )
    retry_seconds: int = option(
        30,
        "How long after its first failure a batch is tried again; twice as long after each "
        "further one, at most 900.",
        minimum=1,
        maximum=900,
    )
    claim_days: int = option(
        45,
        "How long it is remembered that an object was taken; above the 28 days that an event may "
        "lie in the queue and then among the dead letters.",
        minimum=29,
        maximum=3_650,
    )
    sweep_minutes: int = option(
        15,
        "How often unfinished batches and forgotten objects are looked for.",
        minimum=2,
        maximum=1_440,
    )
    look_back_hours: int = option(
        24,
        "How far back forgotten objects are looked for; shorter than claim_days.",
        minimum=2,
        maximum=720,
    )
    forgotten_minutes: int = option(
        60,
        "Age from which on an object that nobody has taken counts as forgotten.",
        minimum=10,
        maximum=1_440,
    )
    overdue_minutes: int = option(
        240,
        "Time without a change after which an unfinished batch counts as overdue.",
        minimum=10,
        maximum=10_080,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        # Lambda refuses an SQS mapping with more than 10 records a batch and no window.
        if self.batch_size > 10 and self.batching_window_seconds == 0:
            yield "batching_window_seconds", 0, "1 or more where batch_size is above 10"
        if self.lease_seconds <= self.timeout_seconds:
            yield "lease_seconds", self.lease_seconds, f"above {self.timeout_seconds}, the timeout"
        least = _RECOMMENDED_TIMEOUTS * self.timeout_seconds + self.batching_window_seconds
        least = max(least, self.lease_seconds + 1)
        if self.visibility_seconds < least:
            yield "visibility_seconds", self.visibility_seconds, f"{least} or more"
        wait = shortest_wait_seconds(self.attempts, self.longest_deferral_seconds)
        if wait < QUEUE_RETENTION_SECONDS:
            allowed = (
                f"as many as take {QUEUE_RETENTION_SECONDS} s of waiting, with "
                f"longest_deferral_seconds; these take {wait} s"
            )
            yield "attempts", self.attempts, allowed
        if self.most_active_steps + self.concurrency >= _EMR_MOST_STEPS:
            allowed = f"below {_EMR_MOST_STEPS - self.concurrency}, which leaves room for each"
            yield "most_active_steps", self.most_active_steps, allowed
        if self.look_back_hours * 60 <= self.forgotten_minutes:
            allowed = f"above forgotten_minutes ({self.forgotten_minutes})"
            yield "look_back_hours", self.look_back_hours, allowed
        if self.look_back_hours >= self.claim_days * 24:
            yield "look_back_hours", self.look_back_hours, "shorter than claim_days"
