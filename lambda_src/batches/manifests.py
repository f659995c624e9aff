"""Manifests and results of batches in the lake bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidelake.contract.lake import batch_result_key, manifest_key
from tidelake.contract.manifest import Manifest


class Manifests:
    """What steps shall read, and what they say became of it.

    `client` is a boto3 client of S3, whose ClientError is passed on.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def uri(self, batch_id: str) -> str:
        return f"s3://{self._bucket}/{manifest_key(batch_id)}"

    def put(self, manifest: Manifest) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=manifest_key(manifest.batch_id),
            Body=manifest.to_json().encode(),
            ContentType="application/json",
        )

    def read(self, batch_id: str) -> Manifest | None:
        """A batch's manifest; None where it has expired, or somebody deleted it."""
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=manifest_key(batch_id))
        except self._client.exceptions.NoSuchKey:
            return None
        return Manifest.from_json(reply["Body"].read().decode())

    def result(self, batch_id: str) -> Mapping[str, int]:
        """The counts that the job left of a batch; none where it left no result."""
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=batch_result_key(batch_id))
        except self._client.exceptions.NoSuchKey:
            return {}
        document = json.loads(reply["Body"].read())
        return {name: count for name, count in document.items() if isinstance(count, int)}
