"""A deployed pipeline, seen from outside: what has reached which hop."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet
from pyarrow.fs import S3FileSystem

from tidelake.contract.deployment import Output
from tidelake.contract.lake import (
    EMR_LOG_PREFIX,
    ERROR_PREFIX,
    MANIFEST_PREFIX,
    RAW_PREFIX,
    is_raw_data,
)
from tidelake.contract.manifest import Manifest
from tidelake.local.endpoint import ACCESS_KEY, SECRET_KEY, local_client
from tidelake.local.settings import REGION
from tidelake.local.summary import RawCounts, StepOutcome

STEP_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED")


@dataclass
class Pipeline:
    """Reads the hops of the pipeline deployed to the local AWS at `endpoint`.

    Objects are immutable, so each is read once, however often is asked for what they hold.
    """

    endpoint: str
    outputs: dict[Output, str]
    _raw_events: dict[str, int] = field(default_factory=dict)
    _failed_conversions: dict[str, int] = field(default_factory=dict)
    _manifests: dict[str, Manifest] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)

    def raw_counts(self) -> RawCounts:
        """Events in the raw zone by Parquet footers, and records set aside by Firehose."""
        for key in self.raw_keys():
            if key not in self._raw_events:
                self._raw_events[key] = self._parquet_rows(key)
        for key, _ in self._objects(ERROR_PREFIX):
            if key not in self._failed_conversions:
                self._failed_conversions[key] = self._lines(key)
        return RawCounts(
            objects=len(self._raw_events),
            events=sum(self._raw_events.values()),
            conversion_failed=sum(self._failed_conversions.values()),
        )

    def raw_keys(self) -> list[str]:
        return [key for key, size in self._objects(RAW_PREFIX) if is_raw_data(key, size)]

    def manifests(self) -> list[Manifest]:
        """Every batch that the trigger has written down."""
        for key, _ in self._objects(MANIFEST_PREFIX):
            if key not in self._manifests:
                self._manifests[key] = Manifest.from_json(self._body(key).decode())
        return list(self._manifests.values())

    def steps(self) -> list[StepOutcome]:
        """Every step of the cluster, in the order of submission."""
        pages = self._client("emr").get_paginator("list_steps")
        steps = [
            step
            for page in pages.paginate(ClusterId=self.outputs[Output.CLUSTER])
            for step in page["Steps"]
        ]
        return [_outcome(step) for step in reversed(steps)]

    def step_log(self, step_id: str, name: str) -> str:
        """A log of an ended step, `stderr`, `stdout` or `controller`; empty if it has none."""
        key = f"{EMR_LOG_PREFIX}{self.outputs[Output.CLUSTER]}/steps/{step_id}/{name}.gz"
        try:
            return gzip.decompress(self._body(key)).decode(errors="replace")
        except self._client("s3").exceptions.NoSuchKey:
            return ""

    def waiting_messages(self) -> int:
        """Object events that no step has taken yet, as far as the queue knows."""
        return self._depth(Output.TRIGGER_QUEUE)

    def dead_messages(self) -> int:
        """Object events that the trigger gave up on."""
        return self._depth(Output.TRIGGER_DEAD_LETTERS)

    def _depth(self, queue: Output) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        reply = self._client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[queue], AttributeNames=names
        )
        return sum(int(reply["Attributes"][name]) for name in names)

    def _objects(self, prefix: str) -> Iterator[tuple[str, int]]:
        pages = self._client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield entry["Key"], entry["Size"]

    def _parquet_rows(self, key: str) -> int:
        with self._files().open_input_file(f"{self._bucket}/{key}") as source:
            rows: int = pyarrow.parquet.ParquetFile(source).metadata.num_rows
        return rows

    def _lines(self, key: str) -> int:
        return sum(1 for line in self._body(key).splitlines() if line.strip())

    def _body(self, key: str) -> bytes:
        body: bytes = self._client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    @property
    def _bucket(self) -> str:
        return self.outputs[Output.LAKE_BUCKET]

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = local_client(service, self.endpoint)
        return self._clients[service]

    def _files(self) -> S3FileSystem:
        return S3FileSystem(
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            endpoint_override=self.endpoint,
            region=REGION,
        )


def _outcome(step: dict[str, Any]) -> StepOutcome:
    timeline = step["Status"]["Timeline"]
    started, ended = timeline.get("StartDateTime"), timeline.get("EndDateTime")
    seconds = (ended - started).total_seconds() if started and ended else 0.0
    return StepOutcome(
        id=step["Id"],
        name=step["Name"],
        state=step["Status"]["State"],
        seconds=round(seconds, 1),
    )
