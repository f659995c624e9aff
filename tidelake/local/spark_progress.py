"""How far the Spark steps are: which raw objects completed steps have read."""

from __future__ import annotations

from dataclasses import dataclass

from tidelake.contract.errors import PipelineError
from tidelake.contract.steps import StepName
from tidelake.local.command import tail
from tidelake.local.pipeline import STEP_ENDED, Pipeline
from tidelake.local.summary import StepOutcome


@dataclass(frozen=True)
class SparkProgress:
    """Raw objects there are, those of them that completed steps have read, and the steps."""

    raw_objects: int
    curated_objects: int
    waiting: int
    steps: tuple[StepOutcome, ...]

    @classmethod
    def of(cls, pipeline: Pipeline) -> SparkProgress:
        """Observe; raises PipelineError, with the end of its log, if a step has failed."""
        steps = tuple(pipeline.steps())
        for step in steps:
            if step.state in STEP_ENDED and step.state != "COMPLETED":
                raise PipelineError(_failure(pipeline, step))
        dead = pipeline.dead_messages()
        if dead:
            raise PipelineError(f"the trigger gave up on {dead} object events")
        names = (StepName.parse(step.name) for step in steps if step.state == "COMPLETED")
        completed = {name.batch_id for name in names if name is not None}
        curated = {
            raw_object.key
            for manifest in pipeline.manifests()
            if manifest.batch_id in completed
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
