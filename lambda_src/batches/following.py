"""What the outcome function and the sweep are made of: settings, table, and outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.batches.clients import Clients
from lambda_src.batches.emr_steps import EmrSteps
from lambda_src.batches.manifests import Manifests
from lambda_src.batches.outcomes import Counts, Outcomes
from lambda_src.batches.queue import Queue
from lambda_src.batches.table import BatchTable
from lambda_src.telemetry import log
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.errors import TidelakeError
from tidelake.contract.settings import StepOutcomeSettings

SettingsT = TypeVar("SettingsT", bound=StepOutcomeSettings)


class FollowingError(TidelakeError):
    """Some batches could not be followed; the next event, or the next sweep, tries again."""


@dataclass
class Followed:
    """What following some batches came to."""

    counts: Counts = field(default_factory=dict)
    """The sum of what is to be counted."""
    failed: list[str] = field(default_factory=list)
    """The batches that could not be followed."""

    def require_all(self) -> None:
        """Raise FollowingError unless all could be, so that the function counts as failed."""
        if self.failed:
            raise FollowingError(f"batches could not be followed: {', '.join(self.failed)}")


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
            steps=EmrSteps(clients),
            manifests=Manifests(clients.s3, settings.lake_bucket),
            queue=Queue(clients.sqs, settings.queue_url),
            dead_letters=Queue(clients.sqs, settings.dead_letters_url),
            most_failures=settings.most_failures,
            retry_seconds=settings.retry_seconds,
        )
        return cls(settings, clients, table, outcomes)

    def follow_each(self, batches: Iterable[Batch]) -> Followed:
        """Follow those batches that are submitted still.

        One that AWS refuses to tell of, or to change, leaves the others to be followed.
        """
        followed = Followed()
        for listed in batches:
            try:
                counts = self._follow(listed.batch_id)
            except (ClientError, BotoCoreError) as error:
                log(str(error), level="ERROR", batch=listed.batch_id)
                followed.failed.append(listed.batch_id)
            else:
                for metric, count in counts.items():
                    followed.counts[metric] = followed.counts.get(metric, 0) + count
        return followed

    def _follow(self, batch_id: str) -> Counts:
        # The index that lists batches is a moment behind.
        batch = self.table.batch(batch_id)
        if batch is None or batch.state is not BatchState.SUBMITTED:
            return {}
        return self.outcomes.follow(batch)
