"""One Spark step for one manifest."""

from __future__ import annotations

from typing import Any

from tidelake.contract.lake import manifest_key
from tidelake.contract.manifest import Manifest
from tidelake.contract.settings import StepTriggerSettings

# At most 256, so few pages; a step of a batch that is done leaves it alone, and is no harm.
_UNDER_WAY = ["PENDING", "RUNNING"]


class SparkSteps:
    """Writes manifests to the lake and submits their steps to the cluster.

    A step is submitted at least once: EMR takes no client token, so a second invocation with the
    same objects looks the step's name up first. `s3` and `emr` are boto3 clients, whose
    ClientError is passed on.
    """

    def __init__(self, settings: StepTriggerSettings, *, s3: Any, emr: Any) -> None:
        self._settings = settings
        self._s3 = s3
        self._emr = emr

    def submit(self, manifest: Manifest) -> bool:
        """Submit the manifest's step, unless one is under way. Whether it was needed."""
        if self._has_step(manifest.step_name):
            return False
        uri = self._put(manifest)
        self._emr.add_job_flow_steps(
            JobFlowId=self._settings.cluster_id, Steps=[self._step(manifest.step_name, uri)]
        )
        return True

    def _has_step(self, name: str) -> bool:
        pages = self._emr.get_paginator("list_steps").paginate(
            ClusterId=self._settings.cluster_id, StepStates=_UNDER_WAY
        )
        return any(step["Name"] == name for page in pages for step in page["Steps"])

    def _put(self, manifest: Manifest) -> str:
        bucket = self._settings.lake_bucket
        key = manifest_key(manifest.batch_id)
        self._s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=manifest.to_json().encode(),
            ContentType="application/json",
        )
        return f"s3://{bucket}/{key}"

    def _step(self, name: str, manifest_uri: str) -> dict[str, object]:
        arguments = [
            "spark-submit",
            *("--py-files", self._settings.py_files_uri),
            self._settings.job_uri,
            *("--manifest", manifest_uri),
            *("--database", self._settings.database),
        ]
        return {
            "Name": name,
            # Anything else would end the cluster, or refuse more than one step at a time.
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": arguments},
        }
