"""What `tidelake send` does: the events of files, or of what comes, to a data stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tidelake.client.dead_letters import DeadLetterFile, read_dead_letters
from tidelake.client.options import DEFAULTS, ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.send import SendReport, check_input, send
from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.contract.events import LineOutcome
from tidelake.local.inputs import STANDARD_INPUT, matching_files, outcomes_of
from tidelake.local.progress import stage
from tidelake.local.stopping import stop_on_signals, until_stopped
from tidelake.local.target import FAST, open_stream
from tidelake.operations.send_progress import print_report, showing
from tidelake.sources.events import EventBuilder
from tidelake.sources.follow import FollowedFiles
from tidelake.sources.options import SourceOptions
from tidelake.sources.positions import FileMark, PositionFile


@dataclass(frozen=True, kw_only=True)
class SendOptions:
    """What one `send` is asked for. `inputs` are files, patterns of files, or `-` alone."""

    source: str
    inputs: tuple[str, ...]
    source_options: SourceOptions
    dead_letter_file: Path
    environment: str
    stream: str | None
    follow: bool = False
    positions: Path = Path(".tidelake/positions.json")
    replay: bool = False
    """Whether the inputs are dead letters, whose events are sent again."""
    producer: ProducerOptions = DEFAULTS
    transport: str = FAST

    def __post_init__(self) -> None:
        if self.replay:
            self._check_replay()
        if STANDARD_INPUT in self.inputs and (len(self.inputs) > 1 or self.follow):
            raise ConfigurationError("--file", list(self.inputs), "- alone, without --follow")

    def _check_replay(self) -> None:
        if self.follow or STANDARD_INPUT in self.inputs:
            raise ConfigurationError("--replay", True, "files, without --follow")
        # What fails again would be read again, for ever.
        if self.dead_letter_file.resolve() in (Path(name).resolve() for name in self.inputs):
            allowed = "another file than the one that is replayed"
            raise ConfigurationError("--dead-letters", str(self.dead_letter_file), allowed)

    def lines(self) -> Iterator[LineOutcome]:
        """One outcome for every line of the inputs."""
        if self.replay:
            for path in matching_files(self.inputs):
                yield from read_dead_letters(path)
        else:
            yield from outcomes_of(self.inputs, self.source, self.source_options)


def send_inputs(options: SendOptions, console: Console) -> SendReport:
    """Send what the inputs hold; rejected lines and undelivered events go to the dead letters.

    Dead letters are added to those of earlier sends. SIGTERM and Ctrl-C end the reading; what was
    accepted by then is delivered, and KeyboardInterrupt raised. Raises InputError, before anything
    is sent where the inputs are files, when not one line holds an event.
    """
    if options.follow:
        return _follow(options, console)
    if options.inputs != (STANDARD_INPUT,):
        _check(options)
    report, stopped = _send(options, console)
    if stopped:
        raise KeyboardInterrupt
    if report.accepted == 0:
        raise InputError(f"nothing was sent: 0 of {report.lines} lines hold an event")
    return report


def _send(options: SendOptions, console: Console) -> tuple[SendReport, bool]:
    """Send the inputs to their end or to a signal, and whether it was a signal."""
    transport, stream = open_stream(options.environment, options.stream, options.transport)
    with (
        stop_on_signals() as stop,
        stage(console, f"send {', '.join(options.inputs)} to {stream}") as sending,
        DeadLetterFile(options.dead_letter_file) as dead_letters,
    ):
        producer = Producer(transport, stream, dead_letters, options.producer)
        report = send(
            until_stopped(options.lines(), stop),
            producer,
            dead_letters,
            on_progress=showing(sending),
        )
    print_report(console, report, options.dead_letter_file)
    return report, stop.requested


def _check(options: SendOptions) -> None:
    try:
        check_input(options.lines())
    except InputError:
        # No send follows, so the rejected lines are set aside here.
        with DeadLetterFile(options.dead_letter_file) as dead_letters:
            check_input(options.lines(), dead_letters)


def _follow(options: SendOptions, console: Console) -> SendReport:
    """Send what is written to the files until a signal; positions pass only what is safe."""
    transport, stream = open_stream(options.environment, options.stream, options.transport)

    def warn_of_refusal(path: Path) -> None:
        console.print(f"{path} may not be read; it is followed once it may", markup=False)

    def warn_of_loss(mark: FileMark) -> None:
        console.print(
            f"{mark.path} was emptied or is gone; what it held after line {mark.lines} and was "
            "not copied beside it, is lost",
            markup=False,
        )

    with (
        stop_on_signals() as stop,
        PositionFile(options.positions) as positions,
        DeadLetterFile(options.dead_letter_file) as dead_letters,
        stage(console, f"follow {', '.join(options.inputs)} to {stream}") as sending,
    ):
        files = FollowedFiles(
            options.inputs,
            EventBuilder(options.source, options.source_options),
            positions,
            stop=stop.is_requested,
            before_save=dead_letters.sync,
            on_loss=warn_of_loss,
            on_refused=warn_of_refusal,
            sleep=stop.sleep,
        )

        def settled(line_positions: Sequence[object]) -> None:
            last = line_positions[-1]
            assert isinstance(last, int)  # noqa: S101 - narrows the type: `send` puts them
            files.commit(last)

        with closing(files):
            producer = Producer(
                transport, stream, dead_letters, options.producer, on_settled=settled
            )
            report = send(files, producer, dead_letters, on_progress=showing(sending))
    print_report(console, report, options.dead_letter_file)
    return report
