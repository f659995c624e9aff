"""What a demo sends: the lines of a file, or a simulation of which the exact truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from tidelake.contract.events import LineOutcome
from tidelake.sources.events import read_events
from tidelake.sources.simulation import Simulation, SimulationOptions, SourceTruth


class DemoInput(Protocol):
    """Lines to send; the same ones each time that they are asked for."""

    @property
    def title(self) -> str:
        """What it is, for the stage that checks it."""

    @property
    def truth(self) -> Mapping[str, SourceTruth] | None:
        """What was made of each source, after the lines were read; None where nobody knows."""

    def lines(self) -> Iterator[LineOutcome]:
        """An outcome for every line."""


@dataclass(frozen=True)
class FileInput:
    """A file of one source."""

    file: Path
    source: str

    @property
    def title(self) -> str:
        return str(self.file)

    @property
    def truth(self) -> None:
        return None

    def lines(self) -> Iterator[LineOutcome]:
        return read_events(self.file, self.source)


@dataclass
class SimulatedInput:
    """`count` lines of many sources, with what a pipeline has to cope with."""

    options: SimulationOptions
    count: int
    truth: Mapping[str, SourceTruth] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.count:,} lines of {', '.join(self.options.mix)}"

    def lines(self) -> Iterator[LineOutcome]:
        simulation = Simulation(self.options)
        self.truth = simulation.truth
        return islice(iter(simulation), self.count)
