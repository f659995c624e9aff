"""Entry point: a batch of object events in, at most one Spark step out."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from lambda_src.step_trigger.object_events import (
    MalformedMessageError,
    created_objects,
    created_objects_in,
)
from lambda_src.step_trigger.spark_steps import SparkSteps
from lambda_src.telemetry import log
from tidelake.contract.lake import is_raw_data
from tidelake.contract.manifest import Manifest, RawObject
from tidelake.contract.settings import StepTriggerSettings

# Short enough that a stuck call fails, and is retried, within the function's own time limit.
_CLIENT_CONFIG = Config(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass
class Batch:
    """What one invocation was handed, sorted: raw objects, what is none, what is no event."""

    lake_bucket: str
    messages: int = 0
    ignored: int = 0
    raw_objects: list[RawObject] = field(default_factory=list)
    malformed_ids: list[str] = field(default_factory=list)

    def add(self, objects: list[RawObject]) -> None:
        """Keep the raw objects of one message; count it as ignored where it holds none."""
        kept = [o for o in objects if o.bucket == self.lake_bucket and is_raw_data(o.key, o.size)]
        self.messages += 1
        self.ignored += len(objects) - len(kept) if objects else 1
        self.raw_objects += kept


def handler(event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Submit one step for the raw objects of a batch of SQS messages, or of a plain S3 event.

    Only messages that are no object events are reported as failed, so that they end among the
    dead letters. Where S3 or EMR fails, the error is raised and the whole batch stays queued.
    """
    settings = _settings()
    batch = _read(event, settings.lake_bucket)
    manifest = Manifest.of(batch.raw_objects)
    submitted = bool(manifest.objects) and _steps().submit(manifest)
    log(
        "batch handled",
        messages=batch.messages,
        objects=len(manifest.objects),
        duplicates=len(batch.raw_objects) - len(manifest.objects),
        ignored=batch.ignored,
        malformed=len(batch.malformed_ids),
        step=manifest.step_name if manifest.objects else None,
        submitted=submitted,
    )
    return {"batchItemFailures": [{"itemIdentifier": i} for i in batch.malformed_ids]}


def _read(event: Mapping[str, Any], lake_bucket: str) -> Batch:
    batch = Batch(lake_bucket)
    records = event.get("Records", [])
    if not any(record.get("eventSource") == "aws:sqs" for record in records):
        batch.add(created_objects_in(event))
        return batch
    for record in records:
        try:
            batch.add(created_objects(record["body"]))
        except MalformedMessageError as error:
            batch.messages += 1
            batch.malformed_ids.append(record["messageId"])
            log(
                "message is malformed",
                level="WARNING",
                message_id=record["messageId"],
                reason=str(error),
            )
    return batch


@functools.cache
def _settings() -> StepTriggerSettings:
    return StepTriggerSettings.from_env(os.environ)


@functools.cache
def _steps() -> SparkSteps:
    return SparkSteps(
        _settings(),
        s3=boto3.client("s3", config=_CLIENT_CONFIG),
        emr=boto3.client("emr", config=_CLIENT_CONFIG),
    )
