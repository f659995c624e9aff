"""The demo: deploy the stacks to a local AWS, send a log, wait for Spark, check, destroy."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tidelake.client.boto_transport import BotoTransport
from tidelake.client.consumer import Consumer, tally
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.outputs import read_outputs
from tidelake.client.producer import Producer
from tidelake.client.send import InputCounts, SendProgress, check_input, send
from tidelake.contract.deployment import Output
from tidelake.contract.errors import PipelineError
from tidelake.local.cdk import LocalCdk
from tidelake.local.command import tail
from tidelake.local.endpoint import local_client, local_environment, require_loopback
from tidelake.local.leftovers import find_leftovers
from tidelake.local.lifecycle import STATE_DIR, LocalAws, running_local_aws
from tidelake.local.pipeline import STEP_ENDED, Pipeline
from tidelake.local.progress import stage
from tidelake.local.report import print_report
from tidelake.local.results import CuratedTables
from tidelake.local.summary import RawCounts, StageSeconds, StepOutcome, StreamCounts, Summary
from tidelake.local.toolchain import Toolchain, find_toolchain
from tidelake.local.waiting import wait_until
from tidelake.sources.events import read_events
from tidelake.sources.synthetic import write_access_log

ENVIRONMENT = "local"
DELIVER_LIMIT_SECONDS = 120
PROCESS_LIMIT_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What one demo is asked for. Without a `file` it generates `events` lines of its own."""

    source: str
    file: Path | None
    events: int
    out: Path
    keep: bool
    project_dir: Path


def run_demo(options: DemoOptions, console: Console) -> Summary:
    """Take one file through the whole pipeline; leaves `summary.json` and the logs in `out`.

    Raises InputError before anything is deployed when nothing in the file can be sent, and
    PipelineError when a step fails or an event is not accounted for. No process outlives it,
    unless `keep` is asked for and all went well.
    """
    _refuse_foreign_endpoints()
    demo = _Demo(options, console, find_toolchain(options.project_dir))
    file, counts = demo.check_input()
    with running_local_aws(project_dir=options.project_dir, state_dir=demo.state_dir) as local_aws:
        cdk = demo.deploy(local_aws)
        pipeline = demo.find_pipeline(local_aws)
        demo.send(pipeline, file)
        stream = demo.count_stream(pipeline)
        raw = demo.deliver(pipeline, stream)
        steps = demo.process(pipeline)
        summary = demo.summarize(pipeline, counts, stream, raw, steps)
        demo.settle(summary)
        if options.keep:
            demo.say_where_to_look(pipeline)
            local_aws.detach()
        else:
            demo.destroy(cdk, local_aws)
    return summary


def _refuse_foreign_endpoints() -> None:
    """A shell that points at an endpoint elsewhere gets a refusal, not a surprise."""
    for name, value in os.environ.items():
        if name.startswith("AWS_ENDPOINT_URL"):
            require_loopback(value)


class _Demo:
    """The stages of one run, each shown and timed."""

    def __init__(self, options: DemoOptions, console: Console, toolchain: Toolchain) -> None:
        self.options = options
        self.console = console
        self.toolchain = toolchain
        self.started = time.monotonic()
        self.seconds: dict[str, float] = {}
        self.summary_file = options.out / "summary.json"
        self.dead_letter_file = options.out / "dead_letters.jsonl"
        # What stays up is found by `tidelake local`; what does not is this run's own affair, so
        # that two runs with different output folders do not meet.
        self.state_dir = STATE_DIR if options.keep else options.out / "local-aws"

    def check_input(self) -> tuple[Path, InputCounts]:
        """The input and its counts; its rejected lines are in the dead letters afterwards."""
        self.options.out.mkdir(parents=True, exist_ok=True)
        # An earlier run's result must not be taken for this one's.
        self.summary_file.unlink(missing_ok=True)
        file = self.options.file
        if file is None:
            file = self.options.out / "access.log"
            write_access_log(file, lines=self.options.events)
        with (
            stage(self.console, f"check {file}") as checking,
            DeadLetterFile(self.dead_letter_file, append=False) as dead_letters,
        ):
            counts = check_input(read_events(file, self.options.source), dead_letters)
            checking.detail = f"{counts.accepted:,} of {counts.lines:,} lines hold an event"
        return file, counts

    def deploy(self, local_aws: LocalAws) -> LocalCdk:
        """Bootstrap and deploy, with the templates made meanwhile."""
        with stage(self.console, "deploy the stacks with the CDK") as deploying:
            cdk = self._cdk(local_aws)
            with ThreadPoolExecutor(max_workers=1) as aside:
                bootstrapped = aside.submit(cdk.bootstrap, deploying.heartbeat)
                cdk.synth(deploying.heartbeat)
                bootstrapped.result()
            cdk.deploy(deploying.heartbeat)
            deploying.detail = local_aws.endpoint
        self.seconds["deploy"] = deploying.seconds
        return cdk

    def _cdk(self, local_aws: LocalAws) -> LocalCdk:
        log_dir = self.options.out.resolve() / "logs"
        environment = local_environment(
            local_aws.endpoint, base=os.environ, cdk_home=log_dir / "cdk-home"
        )
        return LocalCdk(
            project_dir=self.options.project_dir,
            toolchain=self.toolchain,
            env=self.toolchain.environment(environment),
            log_dir=log_dir,
        )

    def find_pipeline(self, local_aws: LocalAws) -> Pipeline:
        cloudformation = local_client("cloudformation", local_aws.endpoint)
        return Pipeline(local_aws.endpoint, read_outputs(cloudformation, ENVIRONMENT))

    def send(self, pipeline: Pipeline, file: Path) -> None:
        def show(progress: SendProgress) -> None:
            sending.heartbeat(
                f"{progress.delivered:,} events, {progress.events_per_second:,.0f} a second"
            )

        with (
            stage(self.console, "send the events to the data stream") as sending,
            DeadLetterFile(self.dead_letter_file, append=False) as dead_letters,
        ):
            producer = Producer(
                self._transport(pipeline), pipeline.outputs[Output.STREAM], dead_letters
            )
            lines = read_events(file, self.options.source)
            report = send(lines, producer, dead_letters, on_progress=show)
        self.seconds["send"] = sending.seconds
        if report.undelivered:
            raise PipelineError(
                f"{report.undelivered:,} of {report.accepted:,} events could not be put on the "
                f"data stream; they are in {self.dead_letter_file} with the reason"
            )

    def count_stream(self, pipeline: Pipeline) -> StreamCounts:
        """What lies on the data stream, read from it by a consumer of its own."""
        consumer = Consumer(self._transport(pipeline), pipeline.outputs[Output.STREAM])
        found = tally(consumer)
        return StreamCounts(records=found.records, events=found.events)

    def deliver(self, pipeline: Pipeline, stream: StreamCounts) -> RawCounts:
        """Wait until Firehose has landed, or set aside, every record."""
        with stage(self.console, "wait for Firehose to land them as Parquet") as delivering:
            raw = wait_until(
                pipeline.raw_counts,
                lambda counts: counts.records >= stream.records,
                what="Firehose",
                limit_seconds=DELIVER_LIMIT_SECONDS,
                heartbeat=lambda counts: delivering.heartbeat(
                    f"{counts.records:,} of {stream.records:,} records, {counts.objects} objects"
                ),
            )
        self.seconds["deliver"] = delivering.seconds
        return raw

    def process(self, pipeline: Pipeline) -> list[StepOutcome]:
        """Wait until a completed step has read every raw object."""
        with stage(self.console, "wait for the Spark steps to curate them") as processing:
            progress = wait_until(
                lambda: _SparkProgress.of(pipeline),
                lambda seen: seen.is_done,
                what="Spark",
                limit_seconds=PROCESS_LIMIT_SECONDS,
                heartbeat=lambda seen: processing.heartbeat(seen.text),
            )
        self.seconds["process"] = processing.seconds
        return list(progress.steps)

    def summarize(
        self,
        pipeline: Pipeline,
        counts: InputCounts,
        stream: StreamCounts,
        raw: RawCounts,
        steps: list[StepOutcome],
    ) -> Summary:
        tables = CuratedTables.at(pipeline.endpoint, pipeline.outputs[Output.DATABASE])
        curated, results = tables.counts(), tables.results()
        total = time.monotonic() - self.started
        rounded = {name: round(seconds, 1) for name, seconds in self.seconds.items()}
        return Summary(
            input=counts,
            stream=stream,
            raw=raw,
            steps=steps,
            curated=curated,
            results=results,
            seconds=StageSeconds(**rounded, total=round(total, 1)),
        )

    def settle(self, summary: Summary) -> None:
        """Write and print the summary; raises PipelineError unless all is accounted for."""
        summary.write(self.summary_file)
        print_report(self.console, summary)
        for name, file in (("summary", self.summary_file), ("set aside", self.dead_letter_file)):
            self.console.print(f"{name}: {file}", markup=False, highlight=False, soft_wrap=True)
        imbalances = summary.imbalances()
        if imbalances:
            raise PipelineError(f"events are not accounted for: {'; '.join(imbalances)}")

    def destroy(self, cdk: LocalCdk, local_aws: LocalAws) -> None:
        with stage(self.console, "destroy the stacks") as destroying:
            cdk.destroy(destroying.heartbeat)
            destroying.detail = ""
            leftovers = find_leftovers(local_aws.endpoint)
        if leftovers:
            raise PipelineError(f"cdk destroy left {', '.join(leftovers)}")

    def say_where_to_look(self, pipeline: Pipeline) -> None:
        bucket = pipeline.outputs[Output.LAKE_BUCKET]
        for line in (
            "",
            f"Still running at {pipeline.endpoint}. Look around, for example with",
            "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1",
            f"  aws --endpoint-url {pipeline.endpoint} s3 ls s3://{bucket} --recursive",
            "  .venv/bin/tidelake tail --from-start --limit 5",
            "  .venv/bin/tidelake local status",
            "and stop it with",
            "  .venv/bin/tidelake local down",
        ):
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _transport(self, pipeline: Pipeline) -> BotoTransport:
        return BotoTransport(local_client("kinesis", pipeline.endpoint))


@dataclass(frozen=True)
class _SparkProgress:
    """Which raw objects completed steps have read."""

    raw_objects: int
    curated_objects: int
    waiting: int
    steps: tuple[StepOutcome, ...]

    @classmethod
    def of(cls, pipeline: Pipeline) -> _SparkProgress:
        """Observe; raises PipelineError, with the end of its log, if a step has failed."""
        steps = tuple(pipeline.steps())
        for step in steps:
            if step.state in STEP_ENDED and step.state != "COMPLETED":
                raise PipelineError(_failure(pipeline, step))
        dead = pipeline.dead_messages()
        if dead:
            raise PipelineError(f"the trigger gave up on {dead} object events")
        completed = {step.name for step in steps if step.state == "COMPLETED"}
        curated = {
            raw_object.key
            for manifest in pipeline.manifests()
            if manifest.step_name in completed
            for raw_object in manifest.objects
        }
        raw = set(pipeline.raw_keys())
        return cls(len(raw), len(curated & raw), pipeline.waiting_messages(), steps)

    @property
    def is_done(self) -> bool:
        return self.curated_objects == self.raw_objects

    @property
    def text(self) -> str:
        states = [step.state for step in self.steps]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        steps = counts if counts else f"{self.waiting} object events in the queue"
        return f"{self.curated_objects} of {self.raw_objects} objects; steps: {steps}"


def _failure(pipeline: Pipeline, step: StepOutcome) -> str:
    logs = (pipeline.step_log(step.id, name) for name in ("stdout", "stderr"))
    end = "\n".join(tail(log) for log in logs if log)
    return f"step {step.name} ({step.id}) {step.state}; the end of its log:\n{end}"
