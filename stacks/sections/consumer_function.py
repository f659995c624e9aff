"""What may be configured of the function that reads the data stream."""

from __future__ import annotations

from dataclasses import dataclass

from stacks.options import option


@dataclass(frozen=True, kw_only=True)
class ConsumerFunctionConfig:
    """The function that counts events on the data stream as they come, and how Lambda feeds it.

    Limits are those of CreateEventSourceMapping in the AWS Lambda API reference.
    """

    enabled: bool = option(
        False,
        "Whether a Lambda function counts the events on the stream by source and type, in near "
        "real time and at least once.",
    )
    batch_size: int = option(
        500, "Most records that the function is handed at once.", minimum=1, maximum=10_000
    )
    batching_window_seconds: int = option(
        5, "How long records are gathered for a batch.", minimum=0, maximum=300
    )
    parallelization_factor: int = option(
        1,
        "Batches of one shard at a time, each with all records of its partition keys.",
        minimum=1,
        maximum=10,
    )
    bisect_on_error: bool = option(
        True, "Whether a batch that fails is halved, until the record that it fails on is alone."
    )
    retry_attempts: int = option(
        2,
        "How often a batch that fails, and is not halved, is tried again before it is set aside.",
        minimum=0,
        maximum=10_000,
    )
    maximum_record_age_seconds: int = option(
        3_600, "Age at which records are set aside unread.", minimum=60, maximum=604_800
    )
    starting_position: str = option(
        "latest",
        "Where the function begins: at what comes from then on, or at the oldest kept record.",
        choices=("latest", "trim_horizon"),
    )
    timeout_seconds: int = option(60, "Time limit of one invocation.", minimum=3, maximum=900)
    memory_mib: int = option(256, "Memory of the function.", minimum=128, maximum=10_240)
