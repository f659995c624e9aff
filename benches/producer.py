"""What an event costs on its way to PutRecords: ours, and the peers, in one interleaved run.

Ours run with per-event outcomes and statistics on. The peers run in an environment of their own,
`build/bench-peers`, which this benchmark makes. The other end is a null Kinesis.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benches.harness import Target, report
from benches.harness.null_kinesis import RunningNullKinesis, null_kinesis

ROUNDS = 5
PEERS = Path("build/bench-peers")
PRODUCING = Path("benches/harness/producing.py")
FAIL_PERCENT = 10

BEST = "tidelake+fast+aggregated"
BASELINE = "queueing"

EVENTS = {
    BEST: 60_000,
    "tidelake+fast": 30_000,
    "tidelake+boto3+aggregated": 30_000,
    "tidelake+boto3": 20_000,
    f"{BEST}+ordered": 20_000,
    f"{BEST}+validated": 30_000,
    f"{BEST}+spool": 30_000,
    f"{BEST}+spool+each": 200,
    BASELINE: 20_000,
    "plain-boto3": 20_000,
    "async-kinesis": 40_000,
    "kinesis_producer": 20_000,
    "aiokpl": 3_000,
}
"""The subjects, and how many events each puts: half a second's worth."""

FAILING = f"{BEST}, {FAIL_PERCENT} % failing"
Measured = dict[str, Any]


def main() -> int:
    make_peers()
    with ExitStack() as stack:
        python = PEERS / "bin/python"
        clean = stack.enter_context(null_kinesis(python=python))
        # aiokpl takes a record that arrived in another shard than it foresaw for failed.
        one_shard = stack.enter_context(null_kinesis("--shards", "1", python=python))
        failing = stack.enter_context(null_kinesis("--fail", str(FAIL_PERCENT), python=python))
        runs: dict[str, list[Measured]] = defaultdict(list)
        for _ in range(ROUNDS):
            for subject, events in EVENTS.items():
                server = one_shard if subject == "aiokpl" else clean
                runs[subject].append(_run(subject, server, events))
            runs[FAILING].append(_run(BEST, failing, EVENTS[BEST]))
        resent = failing.counts()
    medians = {subject: _median(taken) for subject, taken in runs.items()}
    rows = [_row(subject, median, medians[BASELINE]) for subject, median in medians.items()]
    cpu = {subject: median["cpu"] for subject, median in medians.items()}
    lost = sum(run["events"] - run["delivered"] for run in runs[FAILING])
    return report("producer", rows, _targets(cpu, resent, lost))


def _targets(cpu: Mapping[str, float], resent: Mapping[str, int], lost: int) -> list[Target]:
    boto3 = "tidelake+boto3+aggregated"
    return [
        Target("CPU of the lab notes' producer / ours", cpu[BASELINE] / cpu[BEST], at_least=5),
        Target("CPU of async-kinesis / ours", cpu["async-kinesis"] / cpu[BEST], at_least=2),
        Target(
            "CPU of the lab notes' producer / ours through boto3, aggregated",
            cpu[BASELINE] / cpu[boto3],
            at_least=2.5,
        ),
        Target(f"events lost with {FAIL_PERCENT} % failing", lost, at_most=0),
        Target(
            f"records sent per record with {FAIL_PERCENT} % failing",
            resent["records"] / resent["accepted"],
            at_most=1.15,
        ),
        Target(f"CPU with {FAIL_PERCENT} % failing / clean", cpu[FAILING] / cpu[BEST], at_most=1.6),
    ]


def make_peers() -> None:
    """Install the peers, unless that was done."""
    wanted = Path("benches/peers.txt")
    stamp = PEERS / ".installed"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return
    venv.create(PEERS, with_pip=True, clear=True)
    pip = [str(PEERS / "bin/python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", str(wanted)], check=True)
    stamp.write_text(wanted.read_text())


def _command(subject: str, server: RunningNullKinesis, events: int) -> list[str]:
    ours = subject.startswith("tidelake")
    python = sys.executable if ours else str(PEERS / "bin/python")
    return [python, str(PRODUCING), subject, server.endpoint, str(events)]


def _run(subject: str, server: RunningNullKinesis, events: int) -> Measured:
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        _command(subject, server, events), env=environment, check=True, stdout=subprocess.PIPE
    )
    measured: Measured = json.loads(done.stdout)
    if measured["delivered"] != events:
        raise SystemExit(f"{subject} delivered {measured['delivered']} of {events} events")
    return {**measured, "events": events}


def _median(runs: list[Measured]) -> dict[str, float]:
    """Microseconds an event."""
    return {
        "cpu": statistics.median(run["cpu_seconds"] / run["events"] for run in runs) * 1e6,
        "wall": statistics.median(run["wall_seconds"] / run["events"] for run in runs) * 1e6,
    }


def _row(
    subject: str, median: Mapping[str, float], baseline: Mapping[str, float]
) -> dict[str, str | float]:
    return {
        "producer": subject,
        "CPU us/event": round(median["cpu"], 2),
        "wall us/event": round(median["wall"], 2),
        "CPU of the baseline / its own": round(baseline["cpu"] / median["cpu"], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
