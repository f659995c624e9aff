"""Takes what an inbox asks for: claims objects, writes batches down, submits their steps.

The order is what keeps every object from being lost or taken twice, wherever an invocation dies:

1. Objects are claimed for a batch. A claim whose batch is never written down is free again after
   its lease.
2. The manifest is written, then the batch, with its cluster and its step's name.
3. The step is submitted. Where the reply is lost, the batch stays as it is; after its lease whoever
   is handed one of its objects looks for the step by its name before it submits one.
4. The batch is marked as submitted. Its objects' messages are done with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lambda_src.batches.emr_steps import EmrSteps, StepRefusedError
from lambda_src.batches.manifests import Manifests
from lambda_src.batches.outcomes import next_attempt
from lambda_src.batches.table import BatchTable
from lambda_src.step_trigger.clusters import (
    ClusterLaunchingError,
    Clusters,
    ClusterUnavailableError,
)
from lambda_src.step_trigger.inbox import Inbox, Message
from lambda_src.step_trigger.spark_jobs import arguments_of
from lambda_src.telemetry import log
from tidelake.contract.batch_items import Batch, BatchState, Claim
from tidelake.contract.manifest import RawObject
from tidelake.contract.settings import StepTriggerSettings
from tidelake.contract.steps import CURATE, MAINTAIN, StepName
from tidelake.contract.trigger_messages import Maintain, Retry, Submit


@dataclass
class Taken:
    """What became of one inbox."""

    claimed: int = 0
    duplicates: int = 0
    """Objects whose step another invocation, or an earlier one, has seen to."""
    deferred: set[RawObject] = field(default_factory=set)
    deferred_batches: set[str] = field(default_factory=set)
    steps: list[str] = field(default_factory=list)
    """Names of the steps submitted."""
    unavailable: bool = False

    def defers(self, message: Message, batch_id: str | None) -> bool:
        """Whether a message has to come again; `batch_id` is that of its command."""
        return batch_id in self.deferred_batches or not self.deferred.isdisjoint(message.objects)


@dataclass
class _Work:
    """The objects and commands of an inbox by what they need."""

    free: set[RawObject] = field(default_factory=set)
    stale: dict[RawObject, Claim] = field(default_factory=dict)
    """Claims of dead invocations, which may be replaced."""
    due: dict[str, Batch] = field(default_factory=dict)
    """Batches that are written down and have no step yet."""
    members: dict[str, set[RawObject]] = field(default_factory=dict)
    """The objects of this inbox that belong to them."""


class Trigger:
    """One invocation's way through its inbox; `owner` is its name on what it takes."""

    def __init__(
        self,
        settings: StepTriggerSettings,
        *,
        owner: str,
        table: BatchTable,
        steps: EmrSteps,
        manifests: Manifests,
        clusters: Clusters,
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._table = table
        self._steps = steps
        self._manifests = manifests
        self._clusters = clusters
        self._taken = Taken()

    def take(self, inbox: Inbox) -> Taken:
        """Submit what can be submitted, and say what has to wait.

        Errors of AWS are raised: then the whole inbox comes again, and what was done is found.
        """
        work = self._sort(inbox.objects)
        for message in inbox.messages:
            self._add_command(work, message)
        repeated = inbox.seen - len(inbox.objects)
        self._taken.duplicates += repeated
        if work.free or work.due:
            self._submit(work)
        return self._taken

    def _sort(self, objects: set[RawObject]) -> _Work:
        work, now = _Work(), self._table.now()
        claims = self._table.claims_of(objects)
        batches = self._table.batches_of(claim.batch_id for claim in claims.values())
        for raw_object in objects:
            claim = claims.get(raw_object)
            batch = None if claim is None else batches.get(claim.batch_id)
            if claim is None:
                work.free.add(raw_object)
            elif batch is not None and batch.state is BatchState.RECORDED:
                work.due[batch.batch_id] = batch
                work.members.setdefault(batch.batch_id, set()).add(raw_object)
            elif batch is not None:
                self._taken.duplicates += 1
            elif claim.lease_until > now:
                self._taken.deferred.add(raw_object)
            else:
                work.free.add(raw_object)
                work.stale[raw_object] = claim
        return work

    def _add_command(self, work: _Work, message: Message) -> None:
        """Add the batch that a command is about, where it still has no step."""
        command, batch_id = message.command, batch_id_of(message)
        if batch_id is None:
            return
        batch = self._table.batch(batch_id)
        if isinstance(command, Maintain) and batch is None:
            batch = self._record(batch_id, MAINTAIN, objects=0, cluster_id="", lease_until=0)
        if batch is None:
            return
        if isinstance(command, Retry) and batch.state is BatchState.SET_ASIDE:
            again = next_attempt(batch, self._table.now())
            batch = self._table.save(replace(again, failures=0, interruptions=0, splits=0))
            if batch is None:
                return
        if isinstance(command, Submit) and batch.attempt != command.attempt:
            return
        if batch.state is BatchState.RECORDED:
            work.due[batch_id] = batch

    def _submit(self, work: _Work) -> None:
        try:
            cluster_id = self._clusters.find()
        except (ClusterLaunchingError, ClusterUnavailableError) as error:
            self._taken.unavailable = isinstance(error, ClusterUnavailableError)
            log(str(error), level="ERROR" if self._taken.unavailable else "INFO")
            self._defer(work, work.due, work.free)
            return
        active = self._steps.active_names(cluster_id)
        for batch in work.due.values():
            if batch.job == MAINTAIN and _maintains(active):
                self._table.save(replace(batch, state=BatchState.DONE, reason="one is under way"))
            elif self._is_full(active) or not self._resume(batch, cluster_id):
                self._defer(work, [batch.batch_id])
            else:
                self._taken.duplicates += len(work.members.get(batch.batch_id, ()))
        if work.free and self._is_full(active):
            self._defer(work, (), work.free)
        elif work.free:
            self._take_new(work, cluster_id)

    def _is_full(self, active: list[str]) -> bool:
        return len(active) + len(self._taken.steps) >= self._settings.most_active_steps

    def _defer(
        self, work: _Work, batch_ids: Iterable[str], objects: Iterable[RawObject] = ()
    ) -> None:
        self._taken.deferred.update(objects)
        for batch_id in batch_ids:
            self._taken.deferred_batches.add(batch_id)
            self._taken.deferred |= work.members.get(batch_id, set())

    def _take_new(self, work: _Work, cluster_id: str) -> None:
        """One new batch of the free objects, as far as nobody else claims them just now."""
        lease_until = self._table.now() + self._settings.lease_seconds
        manifest, lost = self._table.claim(work.free, self._owner, lease_until, work.stale)
        self._taken.deferred |= lost
        if not manifest.objects:
            return
        self._manifests.put(manifest)
        batch = self._record(
            manifest.batch_id,
            CURATE,
            objects=len(manifest.objects),
            cluster_id=cluster_id,
            lease_until=lease_until,
        )
        if batch is None or not self._submit_step(batch):
            # Next time they are found claimed, by a batch that is there.
            self._taken.deferred |= set(manifest.objects)
        else:
            self._taken.claimed += len(manifest.objects)

    def _record(
        self, batch_id: str, job: str, *, objects: int, cluster_id: str, lease_until: int
    ) -> Batch | None:
        now = self._table.now()
        return self._table.save(
            Batch(
                batch_id=batch_id,
                job=job,
                state=BatchState.RECORDED,
                attempt=1,
                objects=objects,
                cluster_id=cluster_id,
                owner=self._owner,
                lease_until=lease_until,
                recorded_at=now,
                updated_at=now,
            )
        )

    def _resume(self, batch: Batch, cluster_id: str) -> bool:
        """Give a batch that was written down its step, unless it has one; False: not now."""
        now = self._table.now()
        if batch.lease_until > now:
            return False
        lease_until = now + self._settings.lease_seconds
        mine = self._table.save(replace(batch, owner=self._owner, lease_until=lease_until))
        if mine is None:
            return False
        found = None
        if mine.cluster_id:
            name = self._step_name(mine)
            found = self._steps.find(mine.cluster_id, name, since=mine.recorded_at)
        if found is not None:
            self._mark_submitted(mine, found)
            return True
        elsewhere = self._table.save(replace(mine, cluster_id=cluster_id))
        return elsewhere is not None and self._submit_step(elsewhere)

    def _submit_step(self, batch: Batch) -> bool:
        manifest_uri = self._manifests.uri(batch.batch_id)
        arguments = arguments_of(batch, manifest_uri, self._settings)
        name = self._step_name(batch)
        try:
            step_id = self._steps.add(batch.cluster_id, name, arguments)
        except StepRefusedError as error:
            log(str(error), level="WARNING")
            self._table.save(replace(batch, lease_until=0))
            return False
        self._taken.steps.append(name)
        self._mark_submitted(batch, step_id)
        return True

    def _step_name(self, batch: Batch) -> str:
        return batch.step_name(self._settings.environment)

    def _mark_submitted(self, batch: Batch, step_id: str) -> None:
        # Where another was first, it was the outcome function, which EMR has told of the step.
        self._table.save(replace(batch, state=BatchState.SUBMITTED, step_id=step_id))


def batch_id_of(message: Message) -> str | None:
    """The batch that a message's command is about; none where it has no command.

    A run of the maintenance goes by the message that asked for it.
    """
    command = message.command
    if command is None:
        return None
    if isinstance(command, Maintain):
        return hashlib.sha256(message.id.encode()).hexdigest()[:32]
    return command.batch_id


def _maintains(active: Iterable[str]) -> bool:
    names = (StepName.parse(name) for name in active)
    return any(name is not None and name.job == MAINTAIN for name in names)
