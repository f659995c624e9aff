"""What may be configured of the delivery into the lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option
from tidelake.contract.settings import Misfits


@dataclass(frozen=True, kw_only=True)
class DeliveryConfig:
    """The Firehose delivery stream; it writes an object at whichever limit comes first.

    How often it tries S3 again is no setting of Firehose: it does so until the records leave the
    data stream.
    """

    enabled: bool = option(
        True,
        "Whether the data stream is delivered to the lake; without, it is for its own readers.",
    )
    buffer_seconds: int = option(
        300, "Longest time that records wait for their object.", minimum=0, maximum=900
    )
    buffer_mib: int = option(
        128, "Size of the buffer; conversion to Parquet needs 64.", minimum=64, maximum=128
    )
    source_backup_days: int = option(
        0,
        "How long the records are kept as they came, next to their Parquet; 0 keeps none.",
        minimum=0,
        maximum=3_650,
    )
    transform: bool = option(
        False,
        "Whether a Lambda function holds each record to the contract before its conversion: it "
        "puts right what has one possible meaning, and stops what breaks a rule.",
    )
    transform_misfits: str = option(
        Misfits.SET_ASIDE.value,
        "What becomes of a record that breaks the contract: kept in streaming-errors/, or dropped "
        "for good.",
        choices=tuple(misfits.value for misfits in Misfits),
    )
    transform_buffer_seconds: int = option(
        60, "Longest time that records wait for the function.", minimum=0, maximum=900
    )
    transform_buffer_mib: int = option(
        1,
        "Records that the function is handed at once; its answer may have 6 MiB.",
        minimum=1,
        maximum=3,
    )
    transform_retries: int = option(
        3,
        "How often a call of the function that fails is tried again, before its records are set "
        "aside.",
        minimum=0,
        maximum=300,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if not self.enabled:
            if self.transform:
                yield "transform", True, "false where enabled is false"
            if self.source_backup_days:
                yield "source_backup_days", self.source_backup_days, "0 where enabled is false"
