"""Steps through their states, without Spark and without a server."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tidelake.local.extension.emr.events import EventPublisher
from tidelake.local.extension.emr.logs import StepLogs
from tidelake.local.extension.emr.records import Record, state_of
from tidelake.local.extension.emr.scheduler import Scheduler
from tidelake.local.step_runner import StepRun, UnsupportedStepError


class HeldProcess:
    """A step that runs until the test says how it ends."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._status = 0

    def end(self, status: int) -> None:
        self._status = status
        self._ended.set()

    def wait(self) -> int:
        assert self._ended.wait(10)
        return self._status

    def stop(self) -> int:
        self.end(-15)
        return -15


class Bench:
    """A scheduler with one cluster, whose steps are held processes."""

    def __init__(self, work_dir: Path, **settings: Any) -> None:
        self.processes: dict[str, HeldProcess] = {}
        self.steps: list[Record] = []
        self.stored: dict[str, bytes] = {}
        self.events: list[tuple[str, Mapping[str, str]]] = []
        self.cluster: Record = {
            "Id": "j-1",
            "Name": "bench",
            "Status": {"State": "STARTING", "StateChangeReason": {}, "Timeline": {}},
            "StepConcurrencyLevel": 1,
            "AutoTerminate": False,
            "TerminationProtected": False,
            "LogUri": "s3://logs/emr/",
        } | settings
        self.scheduler = Scheduler(
            start=self._start,
            steps_of=lambda _: self.steps,
            logs=StepLogs(lambda bucket, key, body: self.stored.update({f"{bucket}/{key}": body})),
            events=EventPublisher(lambda kind, detail: self.events.append((kind, detail))),
            work_dir=work_dir,
        )
        self.scheduler.launch(self.cluster)
        eventually(lambda: state_of(self.cluster) != "STARTING")

    def add(self, *names: str, action: str = "CONTINUE") -> None:
        jar = {"Jar": "command-runner.jar", "Args": []}
        self.scheduler.add_steps(
            self.cluster,
            [{"Name": n, "ActionOnFailure": action, "HadoopJarStep": jar} for n in names],
        )

    def states(self) -> dict[str, str]:
        return {step["Name"]: state_of(step) for step in self.steps}

    def end(self, name: str, status: int = 0) -> None:
        step_id = self._step(name)["Id"]
        eventually(lambda: step_id in self.processes)
        self.processes[step_id].end(status)

    def cancel(self, name: str) -> bool:
        return self.scheduler.cancel_step(self.cluster, self._step(name))

    def _step(self, name: str) -> Record:
        return next(step for step in self.steps if step["Name"] == name)

    def _start(self, run: StepRun) -> HeldProcess:
        name = next(step["Name"] for step in self.steps if step["Id"] == run.step_id)
        if name == "refused":
            raise UnsupportedStepError("no such step here")
        run.stderr.write_text(f"log of {name}\nValueError: what {name} says\n")
        self.processes[run.step_id] = HeldProcess()
        return self.processes[run.step_id]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_cluster_waits_when_it_is_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    eventually(lambda: state_of(bench.cluster) == "WAITING")


def test_cluster_runs_while_a_step_runs_and_then_waits_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one")
    eventually(lambda: bench.states() == {"one": "RUNNING"})
    assert state_of(bench.cluster) == "RUNNING"
    bench.end("one")
    eventually(lambda: state_of(bench.cluster) == "WAITING")
    assert bench.states() == {"one": "COMPLETED"}


def test_steps_run_one_after_the_other_in_order_by_default(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two")
    eventually(lambda: bench.states() == {"one": "RUNNING", "two": "PENDING"})
    bench.end("one")
    eventually(lambda: bench.states() == {"one": "COMPLETED", "two": "RUNNING"})
    bench.end("two")


def test_as_many_steps_run_at_once_as_the_cluster_allows(tmp_path: Path) -> None:
    bench = Bench(tmp_path, StepConcurrencyLevel=2)
    bench.add("one", "two", "three")
    eventually(lambda: [*bench.states().values()] == ["RUNNING", "RUNNING", "PENDING"])
    time.sleep(0.1)
    assert bench.states()["three"] == "PENDING"
    bench.scheduler.terminate(bench.cluster, "USER_REQUEST", "")


def test_raised_concurrency_starts_pending_steps(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two")
    eventually(lambda: bench.states()["one"] == "RUNNING")
    bench.scheduler.set_concurrency(bench.cluster, 2)
    eventually(lambda: bench.states()["two"] == "RUNNING")
    bench.scheduler.terminate(bench.cluster, "USER_REQUEST", "")


def test_failed_step_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one")
    bench.end("one", status=1)
    eventually(lambda: bench.states() == {"one": "FAILED"})
    step = bench.steps[0]
    log = f"logs/emr/j-1/steps/{step['Id']}/stderr.gz"
    assert step["Status"]["FailureDetails"] == {
        "Reason": "Unknown Error.",
        "Message": "ValueError: what one says",
        "LogFile": f"s3://{log}",
    }
    assert b"log of one" in gzip.decompress(bench.stored[log])


def test_step_that_cannot_be_started_fails_with_its_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("refused")
    eventually(lambda: bench.states() == {"refused": "FAILED"})
    assert bench.steps[0]["Status"]["FailureDetails"]["Message"] == "no such step here"


def test_continue_goes_on_after_a_failure(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two", action="CONTINUE")
    bench.end("one", status=1)
    eventually(lambda: bench.states() == {"one": "FAILED", "two": "RUNNING"})
    bench.end("two")


def test_cancel_and_wait_drops_what_is_pending_and_keeps_the_cluster(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two", action="CANCEL_AND_WAIT")
    bench.end("one", status=1)
    eventually(lambda: bench.states() == {"one": "FAILED", "two": "CANCELLED"})
    eventually(lambda: state_of(bench.cluster) == "WAITING")


def test_terminate_cluster_ends_it_with_errors(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two", action="TERMINATE_CLUSTER")
    bench.end("one", status=1)
    eventually(lambda: state_of(bench.cluster) == "TERMINATED_WITH_ERRORS")
    assert bench.states() == {"one": "FAILED", "two": "CANCELLED"}


def test_protected_cluster_survives_terminate_cluster(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TerminationProtected=True)
    bench.add("one", action="TERMINATE_CLUSTER")
    bench.end("one", status=1)
    eventually(lambda: bench.states() == {"one": "FAILED"})
    eventually(lambda: state_of(bench.cluster) == "WAITING")


def test_cancelled_pending_step_never_starts(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two")
    assert bench.cancel("two")
    bench.end("one")
    eventually(lambda: bench.states() == {"one": "COMPLETED", "two": "CANCELLED"})
    assert len(bench.processes) == 1


def test_cancelled_running_step_is_ended(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one")
    eventually(lambda: len(bench.processes) == 1)
    assert bench.cancel("one")
    eventually(lambda: bench.states() == {"one": "CANCELLED"})


def test_step_that_has_ended_cannot_be_cancelled(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one")
    bench.end("one")
    eventually(lambda: bench.states() == {"one": "COMPLETED"})
    assert not bench.cancel("one")


def test_terminated_cluster_has_ended_its_steps(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one", "two")
    eventually(lambda: len(bench.processes) == 1)
    bench.scheduler.terminate(bench.cluster, "USER_REQUEST", "Terminated by user request")
    eventually(lambda: state_of(bench.cluster) == "TERMINATED")
    assert bench.states() == {"one": "CANCELLED", "two": "CANCELLED"}
    assert bench.cluster["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"


def test_cluster_that_is_not_kept_alive_ends_after_its_last_step(tmp_path: Path) -> None:
    bench = Bench(tmp_path, AutoTerminate=True)
    bench.add("one")
    bench.end("one")
    eventually(lambda: state_of(bench.cluster) == "TERMINATED")
    assert bench.cluster["Status"]["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_each_state_of_a_step_is_told_in_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.add("one")
    bench.end("one")

    def told() -> list[str]:
        kinds = "EMR Step Status Change"
        return [detail["state"] for kind, detail in bench.events if kind == kinds]

    eventually(lambda: told() == ["PENDING", "RUNNING", "COMPLETED"])


@pytest.mark.parametrize("log_uri", ["", "s3://"])
def test_cluster_without_a_place_for_logs_stores_none(tmp_path: Path, log_uri: str) -> None:
    bench = Bench(tmp_path, LogUri=log_uri)
    bench.add("one")
    bench.end("one", status=1)
    eventually(lambda: bench.states() == {"one": "FAILED"})
    assert bench.stored == {}
    assert "LogFile" not in bench.steps[0]["Status"]["FailureDetails"]


def test_idle_cluster_ends_itself_after_its_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    eventually(lambda: state_of(bench.cluster) == "WAITING")
    bench.scheduler.set_idle_limit(bench.cluster, 0.05)
    eventually(lambda: state_of(bench.cluster) == "TERMINATED")
    assert bench.cluster["Status"]["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_cluster_with_work_does_not_end_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.scheduler.set_idle_limit(bench.cluster, 0.3)
    bench.add("long")
    eventually(lambda: bench.states() == {"long": "RUNNING"})
    time.sleep(0.5)
    assert state_of(bench.cluster) == "RUNNING"
    bench.end("long")
    eventually(lambda: state_of(bench.cluster) == "TERMINATED")
    assert bench.states() == {"long": "COMPLETED"}


def test_cluster_whose_limit_is_taken_away_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    eventually(lambda: state_of(bench.cluster) == "WAITING")
    bench.scheduler.set_idle_limit(bench.cluster, 0.2)
    bench.scheduler.set_idle_limit(bench.cluster, None)
    time.sleep(0.4)
    assert state_of(bench.cluster) == "WAITING"
