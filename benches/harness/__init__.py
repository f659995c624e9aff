"""What the benchmarks share: measuring, and reporting what was measured."""

from __future__ import annotations

from benches.harness.measuring import Sample, interleaved, timed, timed_process
from benches.harness.reporting import Target, report

__all__ = ["Sample", "Target", "interleaved", "report", "timed", "timed_process"]
