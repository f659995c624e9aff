"""What may be configured of the data stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option

_SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
_MOST_CONSUMERS = 20
_OCTET = r"(25[0-5]|2[0-4]\d|1?\d?\d)"
_CIDR = rf"{_OCTET}(\.{_OCTET}){{3}}/(3[0-2]|[12]?\d)"
DEFAULT_RECORD_KIB = 1_024
"""AWS's own default; "Handle large records" in the Kinesis developer guide."""


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """The Kinesis data stream."""

    mode: str = option(
        "provisioned",
        "Provisioned by shards, or on demand: 4 MB/s in at first, which follows the load.",
        choices=("provisioned", "on_demand"),
    )
    shards: int = option(
        2,
        "Shards of a provisioned stream; each takes 1 MB/s or 1,000 records/s in and gives "
        "2 MB/s out.",
        minimum=1,
        maximum=10_000,
    )
    retention_hours: int = option(168, "How long records stay readable.", minimum=24, maximum=8_760)
    shard_level_metrics: tuple[str, ...] = option(
        (
            "IncomingBytes",
            "IncomingRecords",
            "WriteProvisionedThroughputExceeded",
            "ReadProvisionedThroughputExceeded",
            "IteratorAgeMilliseconds",
        ),
        "Metrics that are published for each shard, at a price for each.",
        choices=_SHARD_METRICS,
    )
    maximum_record_kib: int = option(
        DEFAULT_RECORD_KIB,
        "Largest record that the stream takes; above the default only where delivery.enabled is "
        "false, since Firehose takes no record above 1,000 KiB.",
        minimum=DEFAULT_RECORD_KIB,
        maximum=10_240,
    )
    endpoint_cidrs: tuple[str, ...] = option(
        (),
        "Addresses in the network's VPC from which the stream is reached by an interface endpoint, "
        "which is made for them and admits no other stream; empty for none.",
        pattern=_CIDR,
        pattern_text="an IPv4 block, such as 10.42.0.0/16",
    )
    consumers: tuple[str, ...] = option(
        (),
        "Readers with enhanced fan-out, 2 MB/s of each shard for each of them; at most 20.",
        pattern=r"[a-zA-Z0-9_.-]{1,128}",
        pattern_text="1 to 128 letters, digits and any of _ . -",
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if len(self.consumers) > _MOST_CONSUMERS:
            yield "consumers", list(self.consumers), f"at most {_MOST_CONSUMERS} names"
