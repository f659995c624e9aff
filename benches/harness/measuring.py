"""CPU and wall seconds of interleaved runs."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import times


@dataclass(frozen=True)
class Sample:
    """What one run took, or the medians of several runs."""

    cpu_seconds: float
    """Of all threads, and of the processes that were started and waited for."""
    wall_seconds: float

    def columns(self) -> dict[str, float]:
        """As columns of a report."""
        return {"CPU s": round(self.cpu_seconds, 3), "wall s": round(self.wall_seconds, 3)}


def timed(work: Callable[[], object]) -> Sample:
    """Run `work` once in this process."""
    cpu, wall = _cpu_seconds(), time.monotonic()
    work()
    return Sample(_cpu_seconds() - cpu, time.monotonic() - wall)


def timed_process(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Sample:
    """Run a command to its end, its errors in sight; CalledProcessError where it fails."""
    return timed(lambda: subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL))


def interleaved(subjects: Mapping[str, Callable[[], Sample]], *, rounds: int) -> dict[str, Sample]:
    """Medians for each subject; every round runs each once, so that all meet the same load."""
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, run in subjects.items():
            samples[name].append(run())
    return {
        name: Sample(
            statistics.median(sample.cpu_seconds for sample in taken),
            statistics.median(sample.wall_seconds for sample in taken),
        )
        for name, taken in samples.items()
    }


def _cpu_seconds() -> float:
    spent = times()
    return spent.user + spent.system + spent.children_user + spent.children_system
