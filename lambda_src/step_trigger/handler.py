"""Entry point: a batch of messages in, at most one Spark step of new objects out."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

from botocore.exceptions import ClientError

from lambda_src.batches.clients import Clients
from lambda_src.batches.emr_steps import EmrSteps
from lambda_src.batches.manifests import Manifests
from lambda_src.batches.queue import Queue
from lambda_src.batches.table import BatchTable
from lambda_src.step_trigger.clusters import Clusters, OnDemandCluster, PersistentCluster
from lambda_src.step_trigger.inbox import Inbox, Message
from lambda_src.step_trigger.trigger import Taken, Trigger, batch_id_of
from lambda_src.telemetry import log, publish
from tidelake.contract.deferral import deferral_seconds
from tidelake.contract.errors import TidelakeError
from tidelake.contract.metrics import Metric
from tidelake.contract.settings import StepTriggerSettings


class DeferredError(TidelakeError):
    """An event that came by no queue cannot be taken now: whoever sent it has to try again."""


class Deployed:
    """The function's settings, and what it reaches, each made when first needed."""

    def __init__(
        self,
        settings: StepTriggerSettings,
        clients: Clients,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._clients = clients
        self.table = BatchTable(
            clients.dynamodb, settings.batches_table, claim_days=settings.claim_days, clock=clock
        )

    @cached_property
    def steps(self) -> EmrSteps:
        return EmrSteps(self._clients)

    @cached_property
    def manifests(self) -> Manifests:
        return Manifests(self._clients.s3, self.settings.lake_bucket)

    @cached_property
    def queue(self) -> Queue:
        return Queue(self._clients.sqs, self.settings.queue_url)

    @cached_property
    def dead_letters(self) -> Queue:
        return Queue(self._clients.sqs, self.settings.dead_letters_url)

    def clusters(self) -> Clusters:
        """The cluster of the stack, or the one that is launched on demand."""
        settings = self.settings
        if settings.cluster_id:
            return PersistentCluster(self._clients.emr, settings.cluster_id)
        return OnDemandCluster(
            self._clients,
            self.table,
            name=settings.cluster_name,
            lease_seconds=settings.lease_seconds,
            launch_request=self._launch_request,
        )

    def _launch_request(self) -> str:
        parameter = self._clients.ssm.get_parameter(Name=self.settings.launch_parameter)
        return str(parameter["Parameter"]["Value"])


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Take a batch of SQS messages, or a plain event of S3.

    Messages that cannot be taken now are reported as failed and hidden for longer each time; what
    is no message is set aside with its reason. Where AWS fails, the error is raised and the whole
    batch comes again after the queue's visibility timeout.
    """
    deployed = _deployed()
    inbox = Inbox.of(event, deployed.settings.lake_bucket)
    clusters = deployed.clusters()
    trigger = Trigger(
        deployed.settings,
        owner=uuid.uuid4().hex,
        table=deployed.table,
        steps=deployed.steps,
        manifests=deployed.manifests,
        clusters=clusters,
    )
    taken = trigger.take(inbox)
    for body, reason in inbox.malformed:
        deployed.dead_letters.set_aside(body, reason)
    deferred = [m for m in inbox.messages if taken.defers(m, batch_id_of(m))]
    _report(inbox, taken, clusters.launched, len(deferred), deployed.settings.environment)
    _hold_back(deployed, deferred)
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in deferred]}


def _hold_back(deployed: Deployed, deferred: list[Message]) -> None:
    """Hide the messages together, so that they come back as one batch."""
    if not deferred:
        return
    if any(not message.id for message in deferred):
        raise DeferredError("no step can be submitted for the object now")
    receives = max(message.receives for message in deferred)
    seconds = deferral_seconds(receives, deployed.settings.longest_deferral_seconds)
    try:
        deployed.queue.hide((message.receipt_handle for message in deferred), seconds)
    except ClientError as error:
        # They come back after the queue's own visibility timeout.
        log("messages keep their visibility", level="WARNING", reason=type(error).__name__)


def _report(inbox: Inbox, taken: Taken, launched: int, deferred: int, environment: str) -> None:
    """Say what became of the objects: seen = claimed + duplicate + deferred."""
    counts = {
        Metric.OBJECTS_SEEN: inbox.seen,
        Metric.OBJECTS_CLAIMED: taken.claimed,
        Metric.OBJECTS_DUPLICATE: taken.duplicates,
        Metric.OBJECTS_IGNORED: inbox.ignored,
        Metric.OBJECTS_DEFERRED: len(taken.deferred),
        Metric.STEPS_SUBMITTED: len(taken.steps),
        Metric.CLUSTERS_STARTED: launched,
        Metric.CLUSTER_UNAVAILABLE: int(taken.unavailable),
    }
    log(
        "batch handled",
        messages=len(inbox.messages) + len(inbox.malformed),
        malformed=len(inbox.malformed),
        deferred_messages=deferred,
        steps=taken.steps,
        counts={metric.value: count for metric, count in counts.items()},
    )
    publish(counts, environment=environment)


@cache
def _deployed() -> Deployed:
    return Deployed(StepTriggerSettings.from_env(os.environ), Clients())
