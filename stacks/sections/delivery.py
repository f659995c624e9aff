"""What may be configured of the delivery into the lake."""

from __future__ import annotations

from dataclasses import dataclass

from stacks.options import option


@dataclass(frozen=True, kw_only=True)
class DeliveryConfig:
    """The Firehose delivery stream; it writes an object at whichever limit comes first."""

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
