"""The hops of a demo's events, each shown and timed: sent, on the stream, in the lake, curated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tidelake.client.consumed_events import tally
from tidelake.client.consumer import Consumer
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.fast_transport import FastTransport
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.send import InputCounts, SendProgress, send
from tidelake.contract.deployment import Output
from tidelake.contract.errors import PipelineError
from tidelake.local.demo_input import DemoInput
from tidelake.local.endpoint import local_client
from tidelake.local.pipeline import Pipeline
from tidelake.local.progress import stage
from tidelake.local.spark_progress import SparkProgress
from tidelake.local.summary import RawCounts, StepOutcome, StreamCounts
from tidelake.local.waiting import wait_until

DELIVER_LIMIT_SECONDS = 120
PROCESS_LIMIT_SECONDS = 600
"""How long nothing may change: one step of some 100,000 events on a busy machine."""


@dataclass(frozen=True)
class Hops:
    """Takes events along `pipeline`; `seconds` gets the time of each hop that has a name there."""

    pipeline: Pipeline
    console: Console
    seconds: dict[str, float]

    def send(self, sent: DemoInput, dead_letter_file: Path, receipts: Path) -> InputCounts:
        """Send the input, and count what was sent: a log that is being written to has grown."""

        def show(progress: SendProgress) -> None:
            sending.heartbeat(
                f"{progress.delivered:,} events, {progress.events_per_second:,.0f} a second"
            )

        with (
            stage(self.console, "send the events to the data stream") as sending,
            DeadLetterFile(dead_letter_file, append=False) as dead_letters,
        ):
            producer = Producer(
                self._transport(),
                self.pipeline.outputs[Output.STREAM],
                dead_letters,
                ProducerOptions(receipts=receipts),
            )
            report = send(sent.lines(), producer, dead_letters, on_progress=show)
        self.seconds["send"] = sending.seconds
        if report.undelivered:
            raise PipelineError(
                f"{report.undelivered:,} of {report.accepted:,} events could not be put on the "
                f"data stream; they are in {dead_letter_file} with the reason"
            )
        return InputCounts(report.lines, report.accepted, report.rejected, report.skipped)

    def count_stream(self) -> StreamCounts:
        """What lies on the data stream, read from it by a consumer of its own."""
        with stage(self.console, "count what lies on the data stream") as counting:
            found = tally(Consumer(self._transport(), self.pipeline.outputs[Output.STREAM]))
            counting.detail = f"{found.events:,} events in {found.records:,} records"
        return StreamCounts(records=found.records, events=found.events)

    def deliver(self, stream: StreamCounts) -> RawCounts:
        """Wait until Firehose has landed, or set aside, every record."""
        with stage(self.console, "wait for Firehose to land them as Parquet") as delivering:
            raw = wait_until(
                self.pipeline.raw_counts,
                lambda counts: counts.records >= stream.records,
                what="Firehose",
                limit_seconds=DELIVER_LIMIT_SECONDS,
                heartbeat=lambda counts: delivering.heartbeat(
                    f"{counts.records:,} of {stream.records:,} records, {counts.objects} objects"
                ),
            )
        self.seconds["deliver"] = delivering.seconds
        return raw

    def process(self) -> list[StepOutcome]:
        """Wait until a completed step has read every raw object."""
        with stage(self.console, "wait for the Spark steps to curate them") as processing:
            progress = wait_until(
                lambda: SparkProgress.of(self.pipeline),
                lambda seen: seen.is_done,
                what="Spark",
                limit_seconds=PROCESS_LIMIT_SECONDS,
                heartbeat=lambda seen: processing.heartbeat(seen.text),
            )
        self.seconds["process"] = processing.seconds
        return list(progress.steps)

    def _transport(self) -> FastTransport:
        return FastTransport(local_client("kinesis", self.pipeline.endpoint))
