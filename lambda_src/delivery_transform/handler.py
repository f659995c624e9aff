"""Entry point: a batch of records of the delivery stream in, an answer to each out."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lambda_src.delivery_transform.records import answer, within_limit
from lambda_src.telemetry import log, publish
from tidelake.contract.settings import DeliveryTransformSettings, Misfits


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Answer every record of the batch: as it came, put right, dropped, or set aside.

    Counts and reasons go to metrics and log, no payload. Firehose may hand a batch over again,
    which then counts again; the answers are the same.
    """
    settings = _settings()
    misfits = Misfits(settings.misfits)
    answers = within_limit(answer(record, misfits) for record in event["records"])
    counts = Counter(each.outcome for each in answers)
    publish(counts, environment=settings.environment)
    log(
        "batch transformed",
        invocation=event["invocationId"],
        records=len(answers),
        reasons=dict(Counter(each.reason for each in answers if each.reason)),
    )
    return {"records": [each.to_wire() for each in answers]}


@functools.cache
def _settings() -> DeliveryTransformSettings:
    return DeliveryTransformSettings.from_env(os.environ)
