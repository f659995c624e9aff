"""What a producer holds in memory while five million events pass through it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benches.harness import Target, report
from benches.harness.null_kinesis import null_kinesis

EVENTS = 5_000_000
SUBJECT = "tidelake+fast+aggregated"
PRODUCING = Path("benches/harness/producing.py")


def main() -> int:
    with null_kinesis() as server:
        done = subprocess.run(
            [sys.executable, str(PRODUCING), SUBJECT, server.endpoint, str(EVENTS)],
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    resident = [line.split() for line in done.stderr.splitlines()]
    rows: list[dict[str, str | float]] = [
        {"producer": SUBJECT, "events": int(events), "MiB resident": int(mib)}
        for events, mib in resident
    ]
    growth = int(resident[-1][1]) / int(resident[0][1])
    what = f"memory after {EVENTS:,} events / after the first million"
    return report("producer_memory", rows, [Target(what, growth, at_most=1.1)])


if __name__ == "__main__":
    sys.exit(main())
