"""What `send` does: every line of an input delivered, or set aside with its reason."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.producer import Producer
from tidelake.client.producer_metrics import publishing, to_file
from tidelake.contract.errors import InputError
from tidelake.contract.events import LineOutcome, ParsedLine, RejectedLine

PROGRESS_SECONDS = 0.1
"""How often `on_progress` is called, at most."""


@dataclass(frozen=True, slots=True)
class InputCounts:
    """Lines of an input: lines = accepted + rejected + skipped."""

    lines: int
    accepted: int
    rejected: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class SendProgress:
    """How far a `send` is."""

    lines: int
    rejected: int
    delivered: int
    undelivered: int
    seconds: float
    skipped: int = 0

    @property
    def events_per_second(self) -> float:
        return self.delivered / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class SendReport:
    """What a `send` did: lines = accepted + rejected + skipped, and
    accepted + recovered = delivered + undelivered + spooled.

    Rejected lines and undelivered events are in the dead letters; `skips` counts the skipped lines
    by their reason. Spooled events are sent by the next run with the same spool, as the recovered
    ones were by this.
    """

    lines: int
    accepted: int
    rejected: int
    delivered: int
    undelivered: int
    seconds: float
    skips: dict[str, int] = field(default_factory=dict)
    spooled: int = 0
    recovered: int = 0

    @property
    def skipped(self) -> int:
        return sum(self.skips.values())


def send(
    lines: Iterable[LineOutcome],
    producer: Producer,
    dead_letters: DeadLetterFile,
    *,
    on_progress: Callable[[SendProgress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> SendReport:
    """Put the events of `lines` and write the rejected lines to the dead letters.

    A producer with `on_settled` tells the positions of the lines, of all of them and in order.

    `producer` is a fresh one; it is closed at the end. `on_progress` is called about ten times a
    second and once when all is done. Raises DeliveryError if the stream cannot be
    written to at all, and whatever reading `lines` raises; the events put by then are flushed.
    """
    started = clock()
    reported = started
    accepted = rejected = 0
    skips: Counter[str] = Counter()

    def progress() -> SendProgress:
        done, skipped = producer.report(), skips.total()
        lines = accepted + rejected + skipped
        seconds = clock() - started
        return SendProgress(lines, rejected, done.delivered, done.dead_lettered, seconds, skipped)

    metrics = producer.options.metrics
    # The outer context ends the producer's threads also where the metrics cannot be opened.
    with (
        producer,
        nullcontext() if metrics is None else publishing(producer, to_file(metrics)),
        producer,
    ):
        for line in lines:
            if isinstance(line, ParsedLine):
                accepted += 1
                producer.put(
                    line.event, line=line.line, raw=line.raw, position=line.position, wait=False
                )
            elif isinstance(line, RejectedLine):
                rejected += 1
                dead_letters.put_rejected(line)
                producer.skip(line.position)
            else:
                skips[line.reason] += 1
                producer.skip(line.position)
            if on_progress is not None and clock() - reported >= PROGRESS_SECONDS:
                reported = clock()
                on_progress(progress())
    end = progress()
    if on_progress is not None:
        on_progress(end)
    done = producer.report()
    return SendReport(
        lines=end.lines,
        accepted=accepted,
        rejected=rejected,
        delivered=done.delivered,
        undelivered=done.dead_lettered,
        seconds=end.seconds,
        skips=dict(skips),
        spooled=done.spooled,
        recovered=done.recovered,
    )


def check_input(
    lines: Iterable[LineOutcome], dead_letters: DeadLetterFile | None = None
) -> InputCounts:
    """Count what `send` would accept, without sending; rejected lines go to the dead letters.

    Raises InputError, with the first line's reason, if not one line would be accepted, and
    whatever reading `lines` raises.
    """
    accepted = rejected = skipped = 0
    first: RejectedLine | None = None
    for line in lines:
        if isinstance(line, ParsedLine):
            accepted += 1
            continue
        if not isinstance(line, RejectedLine):
            skipped += 1
            continue
        rejected += 1
        if first is None:
            first = line
        if dead_letters is not None:
            dead_letters.put_rejected(line)
    if accepted == 0:
        found = "" if first is None else f"; line {first.line}: {first.reason}"
        count = rejected + skipped
        raise InputError(f"nothing can be sent: 0 of {count} lines hold an event{found}")
    return InputCounts(accepted + rejected + skipped, accepted, rejected, skipped)
