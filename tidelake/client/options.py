"""What a producer may be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tidelake.client.batching import BatchPolicy
from tidelake.client.retry import RetryPolicy


@dataclass(frozen=True, kw_only=True)
class ProducerOptions:
    """How a producer batches, retries, orders and remembers.

    `senders` calls are under way at once, each with up to 10 MiB. `put` waits
    `put_timeout_seconds` for room, then raises; `close` waits `close_seconds` for what is left.
    `spool` is a folder of this producer's own; `receipts` and `metrics` are files, the latter for
    whoever runs the producer (`producer_metrics`).
    """

    batch: BatchPolicy = field(default_factory=BatchPolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    senders: int = 4
    ordered: bool = False
    aggregate: bool = False
    put_timeout_seconds: float = 60.0
    close_seconds: float = 120.0
    spool: Path | None = None
    receipts: Path | None = None
    metrics: Path | None = None


DEFAULTS = ProducerOptions()
