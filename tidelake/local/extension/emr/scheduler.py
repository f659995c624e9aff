"""Take steps through their states, each cluster's at most StepConcurrencyLevel at once."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidelake.contract.errors import TidelakeError
from tidelake.local.extension.emr.events import EventPublisher
from tidelake.local.extension.emr.logs import StepFailure, StepLogs, why_it_failed
from tidelake.local.extension.emr.records import (
    ACTIVE_STEP,
    ENDED_CLUSTER,
    OPEN_CLUSTER,
    READY_CLUSTER,
    Record,
    enter_cluster_state,
    enter_step_state,
    new_step,
    state_of,
    steps_in,
)
from tidelake.local.step_runner import StepProcess, StepRun, StepStarter

START_SECONDS = 0.1
"""How long a cluster stays in STARTING, and again in BOOTSTRAPPING."""


class Scheduler:
    """Owns every change of a cluster's or a step's state.

    All changes happen under one lock, which is never held while a step runs, its logs are stored
    or an event is delivered. Threads carry the caller's context variables, by which MiniStack
    knows the account and the region.
    """

    def __init__(
        self,
        *,
        start: StepStarter,
        steps_of: Callable[[str], list[Record]],
        logs: StepLogs,
        events: EventPublisher,
        work_dir: Path,
    ) -> None:
        self._start = start
        self._steps_of = steps_of
        self._logs = logs
        self._events = events
        self._work_dir = work_dir
        self._processes: dict[str, StepProcess] = {}
        self._idle_seconds: dict[str, float] = {}
        self._idle_spells: dict[str, object] = {}
        self._lock = threading.RLock()

    def launch(self, cluster: Record) -> None:
        """Take a new cluster from STARTING to RUNNING or WAITING, in the background."""
        self._cluster_enters(cluster, "STARTING")
        _in_background(self._bring_up, cluster)

    def add_steps(self, cluster: Record, configs: Sequence[Mapping[str, Any]]) -> list[str]:
        """Queue steps; returns their ids in order."""
        with self._lock:
            added = [new_step(config) for config in configs]
            self._steps_of(cluster["Id"]).extend(added)
            for step in added:
                self._events.step_changed(cluster, step)
            self._advance(cluster)
        return [str(step["Id"]) for step in added]

    def cancel_step(self, cluster: Record, step: Record) -> bool:
        """Cancel a step that has not ended; returns whether there was something to cancel."""
        with self._lock:
            if state_of(step) == "PENDING":
                self._step_enters(cluster, step, "CANCELLED")
            elif state_of(step) == "RUNNING":
                self._step_enters(cluster, step, "CANCEL_PENDING")
                self._stop(step)
            else:
                return False
            self._advance(cluster)
            return True

    def set_concurrency(self, cluster: Record, level: int) -> None:
        """Change how many steps run at once; running ones are left alone."""
        with self._lock:
            cluster["StepConcurrencyLevel"] = level
            self._advance(cluster)

    def set_idle_limit(self, cluster: Record, seconds: float | None) -> None:
        """Choose after how long without a step a cluster ends itself; None: never."""
        with self._lock:
            if seconds is None:
                self._idle_seconds.pop(cluster["Id"], None)
            else:
                self._idle_seconds[cluster["Id"]] = seconds
            self._begin_idle_spell(cluster)

    def terminate(self, cluster: Record, code: str, message: str) -> None:
        """Cancel a cluster's steps and end it, at once or when the last running step has ended."""
        with self._lock:
            if state_of(cluster) not in OPEN_CLUSTER:
                return
            self._cluster_enters(cluster, "TERMINATING", code, message)
            for step in steps_in(self._steps_of(cluster["Id"]), ACTIVE_STEP):
                self.cancel_step(cluster, step)
            self._advance(cluster)

    def stop_steps(self) -> None:
        """End every running step, as when the server is emptied."""
        with self._lock:
            self._idle_spells.clear()
            for process in self._processes.values():
                _in_background(process.stop)

    def _bring_up(self, cluster: Record) -> None:
        for state in ("BOOTSTRAPPING", "WAITING"):
            time.sleep(START_SECONDS)
            with self._lock:
                if state_of(cluster) not in OPEN_CLUSTER:
                    return
                busy = steps_in(self._steps_of(cluster["Id"]), ACTIVE_STEP)
                ready = "RUNNING" if busy or cluster["AutoTerminate"] else "WAITING"
                self._cluster_enters(cluster, ready if state == "WAITING" else state)
                self._advance(cluster)

    def _advance(self, cluster: Record) -> None:
        """Start what may start, and let the cluster's state follow its steps."""
        active = steps_in(self._steps_of(cluster["Id"]), ACTIVE_STEP)
        if state_of(cluster) == "TERMINATING" and not active:
            reason = cluster["Status"]["StateChangeReason"]
            failed = reason["Code"] == "STEP_FAILURE"
            ended = "TERMINATED_WITH_ERRORS" if failed else "TERMINATED"
            self._cluster_enters(cluster, ended, reason["Code"], reason["Message"])
        if state_of(cluster) not in READY_CLUSTER:
            return
        if not active:
            if cluster["AutoTerminate"]:
                self.terminate(cluster, "ALL_STEPS_COMPLETED", "Steps completed")
            elif state_of(cluster) == "RUNNING":
                self._cluster_enters(cluster, "WAITING")
            return
        if state_of(cluster) == "WAITING":
            self._cluster_enters(cluster, "RUNNING")
        pending = [step for step in active if state_of(step) == "PENDING"]
        free = cluster["StepConcurrencyLevel"] - (len(active) - len(pending))
        for step in pending[: max(free, 0)]:
            self._step_enters(cluster, step, "RUNNING")
            _in_background(self._run, cluster, step)

    def _run(self, cluster: Record, step: Record) -> None:
        run = StepRun(
            cluster_id=cluster["Id"],
            step_id=step["Id"],
            jar=step["Config"]["Jar"],
            arguments=tuple(step["Config"]["Args"]),
            configurations=cluster.get("Configurations", []),
            folder=self._work_dir / "emr" / cluster["Id"] / "steps" / step["Id"],
        )
        failure = self._failure_of(run, step)
        uris = self._logs.save(run, cluster.get("LogUri", ""))
        with self._lock:
            self._processes.pop(run.step_id, None)
            self._finish(cluster, step, None if failure is None else failure.details(uris))

    def _failure_of(self, run: StepRun, step: Record) -> StepFailure | None:
        """Run a step to its end; returns what went wrong, None when nothing did."""
        run.folder.mkdir(parents=True, exist_ok=True)
        try:
            process = self._start(run)
        except (TidelakeError, OSError) as error:
            run.stderr.write_text(f"{error}\n", encoding="utf-8")
            return StepFailure(reason="Illegal Argument.", message=str(error), log=run.stderr.name)
        with self._lock:
            self._processes[run.step_id] = process
            cancelled = state_of(step) == "CANCEL_PENDING"
        status = process.stop() if cancelled else process.wait()
        self._logs.note_exit(run, status)
        return why_it_failed(run, status) if status != 0 else None

    def _finish(self, cluster: Record, step: Record, failure: Mapping[str, str] | None) -> None:
        if state_of(step) == "CANCEL_PENDING":
            self._step_enters(cluster, step, "CANCELLED")
        elif failure is None:
            self._step_enters(cluster, step, "COMPLETED")
        else:
            self._step_enters(cluster, step, "FAILED", failure)
            self._act_on_failure(cluster, step["ActionOnFailure"])
        self._advance(cluster)

    def _begin_idle_spell(self, cluster: Record) -> None:
        """From now on nothing is done, or something is: the spell before is over either way."""
        spell = object()
        self._idle_spells[cluster["Id"]] = spell
        seconds = self._idle_seconds.get(cluster["Id"])
        if seconds is not None and state_of(cluster) == "WAITING":
            _in_background(self._end_idle, cluster, spell, seconds)

    def _end_idle(self, cluster: Record, spell: object, seconds: float) -> None:
        time.sleep(seconds)
        with self._lock:
            if self._idle_spells.get(cluster["Id"]) is spell:
                self.terminate(cluster, "ALL_STEPS_COMPLETED", "Terminated as it was idle")

    def _act_on_failure(self, cluster: Record, action: str) -> None:
        ends_cluster = action in {"TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"}
        if ends_cluster and not cluster["TerminationProtected"]:
            self.terminate(cluster, "STEP_FAILURE", "Shut down as step failed")
        elif ends_cluster or action == "CANCEL_AND_WAIT":
            for step in steps_in(self._steps_of(cluster["Id"]), frozenset({"PENDING"})):
                self._step_enters(cluster, step, "CANCELLED")

    def _stop(self, step: Record) -> None:
        # A step whose process is still being started finds itself cancelled when it is up.
        process = self._processes.get(step["Id"])
        if process is not None:
            _in_background(process.stop)

    def _cluster_enters(
        self, cluster: Record, state: str, code: str = "", message: str = ""
    ) -> None:
        if state_of(cluster) not in ENDED_CLUSTER:
            enter_cluster_state(cluster, state, code, message)
            self._events.cluster_changed(cluster)
            self._begin_idle_spell(cluster)

    def _step_enters(
        self, cluster: Record, step: Record, state: str, failure: Mapping[str, str] | None = None
    ) -> None:
        enter_step_state(step, state, failure)
        self._events.step_changed(cluster, step)


def _in_background(function: Callable[..., object], *arguments: object) -> None:
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(function, *arguments), daemon=True).start()
