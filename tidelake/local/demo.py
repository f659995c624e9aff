"""The demo: deploy the stacks to a local AWS, send a log, wait for Spark, check, destroy."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.outputs import read_outputs
from tidelake.client.send import check_input
from tidelake.contract.deployment import Output
from tidelake.contract.errors import LocalAwsError, PipelineError
from tidelake.lake.check_report import print_check
from tidelake.lake.lake_check import LakeCheck, check_lake
from tidelake.lake.ledger import CuratedCounts, read_counts
from tidelake.lake.observed import Period
from tidelake.lake.results import Results, read_results
from tidelake.local.cdk import LocalCdk
from tidelake.local.demo_input import DemoInput, FileInput, SimulatedInput
from tidelake.local.deployed import Deployed, deployed_locally
from tidelake.local.endpoint import local_client, local_environment, require_loopback
from tidelake.local.hops import Hops
from tidelake.local.leftovers import find_leftovers
from tidelake.local.lifecycle import STATE_DIR, LocalAws, local_status, running_local_aws
from tidelake.local.out_folder import claimed
from tidelake.local.pipeline import Pipeline
from tidelake.local.progress import stage
from tidelake.local.report import print_kept, print_report
from tidelake.local.summary import StageSeconds, Summary
from tidelake.local.toolchain import Toolchain, set_up
from tidelake.sources.simulation import SimulationOptions
from tidelake.sources.synthetic.web_log import write_access_log

ENVIRONMENT = "local"


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What one demo is asked for.

    It sends `file`, or `events` lines of `simulation`, or, without either, of an access log that it
    generates.
    """

    source: str
    file: Path | None
    simulation: SimulationOptions | None
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
    if options.keep:
        _refuse_a_second_kept_one()
    toolchain = set_up(options.project_dir, lambda line: console.print(line, markup=False))
    with claimed(options.out) as before_was_cut_short:
        demo = _Demo(options, console, toolchain)
        if before_was_cut_short:
            demo.clear_up()
        sent = demo.check_input()
        with running_local_aws(
            project_dir=options.project_dir, state_dir=demo.state_dir
        ) as local_aws:
            try:
                return demo.take_through(local_aws, sent)
            except Exception as error:
                if local_aws.is_running:
                    raise
                raise LocalAwsError(f"the local AWS ended; its log: {local_aws.log}") from error


def _refuse_foreign_endpoints() -> None:
    """A shell that points at an endpoint elsewhere gets a refusal, not a surprise."""
    for name, value in os.environ.items():
        # An empty one is none to boto3 and the CDK CLI.
        if name.startswith("AWS_ENDPOINT_URL") and value:
            require_loopback(value)


def _refuse_a_second_kept_one() -> None:
    """Before anything is written: the results of the first are still of use."""
    endpoint = local_status().endpoint
    if endpoint is not None:
        raise LocalAwsError(
            f"a local AWS is already running at {endpoint}; `tidelake local down` ends it"
        )


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
        self.receipts_file = options.out / "receipts.txt"
        # What stays up is found by `tidelake local`; what does not is this run's own affair, so
        # that two runs with different output folders do not meet.
        self.state_dir = STATE_DIR if options.keep else options.out / "local-aws"

    def clear_up(self) -> None:
        """Remove what a run that was killed left: its processes, and all that was deployed, ended
        with it."""
        left = [
            folder
            for folder in (self.state_dir / "emr", self.options.out / "logs")
            if folder.exists()
        ]
        for folder in left:
            shutil.rmtree(folder)
        removed = ", ".join(str(folder) for folder in left) if left else "nothing"
        self.console.print(
            "the run before was killed, and its local AWS with all that was deployed ended with "
            f"it; removed of it: {removed}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def take_through(self, local_aws: LocalAws, sent: DemoInput) -> Summary:
        """All stages after the check of the input, in order."""
        cdk = self.deploy(local_aws)
        pipeline = self.find_pipeline(local_aws)
        hops = Hops(pipeline, self.console, self.seconds)
        counts = hops.send(sent, self.dead_letter_file, self.receipts_file)
        stream = hops.count_stream()
        raw = hops.deliver(stream)
        steps = hops.process()
        lake = deployed_locally(pipeline.endpoint)
        check = self.check(lake)
        curated, results = self.read_tables(lake)
        summary = Summary(
            input=counts,
            stream=stream,
            raw=raw,
            steps=steps,
            curated=curated,
            results=results,
            seconds=self.stage_seconds(),
            truth=None if sent.truth is None else dict(sent.truth),
            differences=check.problems,
        )
        self.settle(summary, check)
        if self.options.keep:
            print_kept(self.console, pipeline.endpoint, pipeline.outputs[Output.LAKE_BUCKET])
            local_aws.detach()
        else:
            self.destroy(cdk, local_aws)
        return summary

    def check_input(self) -> DemoInput:
        """The input; InputError, with its rejected lines set aside, if there is nothing to send."""
        # An earlier run's result must not be taken for this one's.
        self.summary_file.unlink(missing_ok=True)
        self.receipts_file.unlink(missing_ok=True)
        options = self.options
        if options.simulation is not None:
            # Its lines are known to be good, but for those that it makes bad.
            return SimulatedInput(options.simulation, options.events)
        file = options.file
        if file is None:
            file = options.out / "access.log"
            write_access_log(file, lines=options.events)
        sent = FileInput(file, options.source)
        with (
            stage(self.console, f"check {file}") as checking,
            DeadLetterFile(self.dead_letter_file, append=False) as dead_letters,
        ):
            counts = check_input(sent.lines(), dead_letters)
            checking.detail = f"{counts.accepted:,} of {counts.lines:,} lines hold an event"
        return sent

    def deploy(self, local_aws: LocalAws) -> LocalCdk:
        """Bootstrap and deploy, with the templates made meanwhile."""
        with stage(self.console, "deploy the stacks with the CDK") as deploying:
            cdk = self._cdk(local_aws)
            cdk.bootstrap_and_synth(deploying.heartbeat)
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

    def check(self, lake: Deployed) -> LakeCheck:
        """What `tidelake check` says, with the receipts of this run."""
        with stage(self.console, "check that every event is accounted for") as checking:
            check = check_lake(lake.files, lake.tables, Period(), self.receipts_file)
            checking.detail = (
                f"{len(check.problems):,} differences" if check.problems else "balanced"
            )
        return check

    def read_tables(self, lake: Deployed) -> tuple[CuratedCounts, Results]:
        with stage(self.console, "read the tables"):
            return read_counts(lake.tables), read_results(lake.tables)

    def stage_seconds(self) -> StageSeconds:
        """The time of each stage, and that since the start."""
        seconds = {**self.seconds, "total": time.monotonic() - self.started}
        return StageSeconds(**{name: round(taken, 1) for name, taken in seconds.items()})

    def settle(self, summary: Summary, check: LakeCheck) -> None:
        """Write and print the summary; raises PipelineError unless all is accounted for."""
        summary.write(self.summary_file)
        print_report(self.console, summary)
        print_check(self.console, check)
        files = {
            "summary": self.summary_file,
            "set aside": self.dead_letter_file,
            "receipts": self.receipts_file,
        }
        for name, file in files.items():
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
