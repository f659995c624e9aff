"""What the outcome function and the sweep are made of: settings, table, and outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lambda_src.batches.clients import Clients
from lambda_src.batches.emr_steps import EmrSteps
from lambda_src.batches.manifests import Manifests
from lambda_src.batches.outcomes import Counts, Outcomes
from lambda_src.batches.queue import Queue
from lambda_src.batches.table import BatchTable
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.settings import StepOutcomeSettings

SettingsT = TypeVar("SettingsT", bound=StepOutcomeSettings)


@dataclass(frozen=True)
class Following(Generic[SettingsT]):
    """Batches, and how they are followed to their end."""

    settings: SettingsT
    clients: Clients
    table: BatchTable
    outcomes: Outcomes

    @classmethod
    def of(
        cls, settings: SettingsT, clients: Clients, clock: Callable[[], float] = time.time
    ) -> Following[SettingsT]:
        table = BatchTable(
            clients.dynamodb, settings.batches_table, claim_days=settings.claim_days, clock=clock
        )
        outcomes = Outcomes(
            table=table,
            steps=EmrSteps(clients.emr),
            manifests=Manifests(clients.s3, settings.lake_bucket),
            queue=Queue(clients.sqs, settings.queue_url),
            dead_letters=Queue(clients.sqs, settings.dead_letters_url),
            most_failures=settings.most_failures,
            retry_seconds=settings.retry_seconds,
        )
        return cls(settings, clients, table, outcomes)

    def follow_each(self, batches: Iterable[Batch]) -> Counts:
        """Follow those batches that are submitted still; the sum of what is to be counted."""
        counts: Counts = {}
        for listed in batches:
            # The index that lists them is a moment behind.
            batch = self.table.batch(listed.batch_id)
            if batch is not None and batch.state is BatchState.SUBMITTED:
                for metric, count in self.outcomes.follow(batch).items():
                    counts[metric] = counts.get(metric, 0) + count
        return counts
