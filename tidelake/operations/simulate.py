"""What `tidelake simulate` does: made-up events to a data stream, at a rate, with their truth."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.options import DEFAULTS, ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.send import SendProgress, SendReport, send
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import LineOutcome
from tidelake.local.stopping import stop_on_signals
from tidelake.local.target import FAST, open_stream
from tidelake.operations.send_progress import print_report
from tidelake.sources.simulation import Simulation, SimulationOptions, SourceTruth


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """What one `simulate` is asked for.

    Without `rate` lines come as fast as they are made; without `lines` and `duration_seconds` until
    a signal.
    """

    simulation: SimulationOptions
    rate: int | None
    duration_seconds: float | None
    lines: int | None
    truth_file: Path | None
    dead_letter_file: Path
    environment: str
    stream: str | None
    producer: ProducerOptions = DEFAULTS
    transport: str = FAST


def simulate(options: SimulateOptions, console: Console) -> SendReport:
    """Send a simulation until its end, or SIGTERM or Ctrl-C; all that was made is then delivered.

    Shows the counts as they grow, and at the end the truth beside what became of it.
    """
    simulation = Simulation(options.simulation)
    if options.truth_file is not None:
        _check_writable(options.truth_file)
    transport, stream = open_stream(options.environment, options.stream, options.transport)
    with (
        stop_on_signals() as stop,
        DeadLetterFile(options.dead_letter_file) as dead_letters,
        Live(console=console, auto_refresh=False, transient=True) as live,
    ):

        def show(progress: SendProgress) -> None:
            live.update(truth_table(simulation.truth, _rate(stream, progress)), refresh=True)

        lines = paced(
            islice(simulation, options.lines),
            rate=options.rate,
            duration_seconds=options.duration_seconds,
            stop=stop.is_requested,
            sleep=stop.sleep,
        )
        producer = Producer(transport, stream, dead_letters, options.producer)
        report = send(lines, producer, dead_letters, on_progress=show)
    console.print(truth_table(simulation.truth, f"sent to {stream}"))
    print_report(console, report, options.dead_letter_file)
    if options.truth_file is not None:
        options.truth_file.write_text(json.dumps(truth_json(simulation.truth), indent=2) + "\n")
    return report


def paced(
    lines: Iterable[LineOutcome],
    *,
    rate: int | None,
    duration_seconds: float | None,
    stop: Callable[[], bool],
    sleep: Callable[[float], None],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[LineOutcome]:
    """Lines at `rate` a second, counted from the start, so that delays are made up for.

    With a rate and a duration there are as many as the two say, however late the last ones are.
    """
    started = clock()
    limit = None if rate is None or duration_seconds is None else int(rate * duration_seconds)
    given = 0
    coming = islice(lines, limit)
    # A line is made when it is asked for, and counted then: ask for none that is not given.
    while not stop():
        if limit is None and duration_seconds is not None and clock() - started >= duration_seconds:
            return
        if rate is not None and (ahead := started + given / rate - clock()) > 0:
            sleep(ahead)
            continue
        line = next(coming, None)
        if line is None:
            return
        given += 1
        yield line


def parse_mix(text: str) -> dict[str, int]:
    """`SOURCE=WEIGHT[,...]`; ConfigurationError for another form or a source twice."""
    mix: dict[str, int] = {}
    for part in text.split(","):
        name, equals, weight = part.strip().partition("=")
        if not equals or not weight.isascii() or not weight.isdigit() or name in mix:
            raise ConfigurationError("--mix", text, "SOURCE=WEIGHT,... each source once")
        mix[name] = int(weight)
    return mix


def _check_writable(path: Path) -> None:
    """Now, rather than when all is sent."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        allowed = f"a file that can be written ({error.strerror})"
        raise ConfigurationError("--truth", str(path), allowed) from error


def truth_json(truth: Mapping[str, SourceTruth]) -> dict[str, dict[str, int]]:
    """The counts of what was made, by source; `lines` is the sum of the others."""
    return {source: asdict(counts) | {"lines": counts.lines} for source, counts in truth.items()}


def truth_table(truth: Mapping[str, SourceTruth], title: str) -> Table:
    """The counts of what was made, with their sums."""
    # Narrow: its headings fit into 80 columns.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("source")
    names = [field.name for field in fields(SourceTruth)]
    for name in (*names, "lines"):
        table.add_column(name, justify="right")
    sums = [0] * (len(names) + 1)
    for source, counts in truth.items():
        row = [*asdict(counts).values(), counts.lines]
        sums = [total + count for total, count in zip(sums, row, strict=True)]
        table.add_row(source, *(f"{count:,}" for count in row))
    table.add_section()
    table.add_row("together", *(f"{count:,}" for count in sums))
    return table


def _rate(stream: str, progress: SendProgress) -> str:
    return f"to {stream}: {progress.events_per_second:,.0f} events a second"
