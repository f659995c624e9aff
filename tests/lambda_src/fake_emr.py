"""A strict stand-in for EMR: it refuses what EMR refuses, and runs nothing.

`tests/local/test_emr_contract.py` holds it and the local AWS to the same behaviour.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

OPEN = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
ACTIVE = ("PENDING", "CANCEL_PENDING", "RUNNING")
PAGE = 50
MOST_ACTIVE = 256


class FakeEmr:
    """Clusters and steps in memory, behind the calls of a boto3 client; safe for threads."""

    def __init__(self) -> None:
        self.clusters: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.drop_replies = 0
        """So many replies of AddJobFlowSteps and RunJobFlow are lost after they were obeyed."""
        self.forbidden: set[str] = set()
        """Clusters of which nothing may be asked."""
        self._lock = threading.RLock()

    def names(self, cluster_id: str = "") -> list[str]:
        """The names of all steps, oldest first."""
        return [
            step["Name"]
            for found, cluster in self.clusters.items()
            if cluster_id in ("", found)
            for step in cluster["Steps"]
        ]

    def end_cluster(self, cluster_id: str, state: str = "TERMINATED") -> None:
        self.clusters[cluster_id]["State"] = state
        for step in self.clusters[cluster_id]["Steps"]:
            if step["Status"]["State"] in ACTIVE:
                step["Status"]["State"] = "CANCELLED"

    def end_step(self, name: str, state: str, **details: str) -> dict[str, Any]:
        """End the newest step of that name."""
        steps = [s for c in self.clusters.values() for s in c["Steps"] if s["Name"] == name]
        steps[-1]["Status"]["State"] = state
        if details:
            steps[-1]["Status"]["FailureDetails"] = details
        found: dict[str, Any] = steps[-1]
        return found

    def run_job_flow(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            cluster_id = f"j-{len(self.clusters) + 1:013d}"
            self.clusters[cluster_id] = {"Name": request["Name"], "State": "STARTING", "Steps": []}
            self.requests.append(request)
            self._reply_or_not()
            return {"JobFlowId": cluster_id}

    def describe_cluster(self, *, ClusterId: str) -> dict[str, Any]:  # noqa: N803  as in boto3
        cluster = self._cluster(ClusterId, "InvalidRequestException")
        status = {"State": cluster["State"]}
        return {"Cluster": {"Id": ClusterId, "Name": cluster["Name"], "Status": status}}

    def add_job_flow_steps(
        self,
        *,
        JobFlowId: str,  # noqa: N803  as in boto3
        Steps: list[dict[str, Any]],  # noqa: N803  as in boto3
    ) -> dict[str, Any]:
        with self._lock:
            cluster = self._cluster(JobFlowId, "ValidationException")
            if cluster["State"] not in OPEN:
                raise refused("ValidationException", "A job flow that is shutting down")
            active = sum(1 for s in cluster["Steps"] if s["Status"]["State"] in ACTIVE)
            if active + len(Steps) > MOST_ACTIVE:
                raise refused("ValidationException", "Maximum number of active steps")
            ids = []
            for step in Steps:
                ids.append(f"s-{len(cluster['Steps']) + 1:013d}")
                timeline = {"CreationDateTime": datetime.now(UTC)}
                status = {"State": "PENDING", "Timeline": timeline}
                cluster["Steps"].append({"Id": ids[-1], **step, "Status": status})
            self._reply_or_not()
            return {"StepIds": ids}

    def describe_step(self, *, ClusterId: str, StepId: str) -> dict[str, Any]:  # noqa: N803
        for step in self._cluster(ClusterId, "InvalidRequestException")["Steps"]:
            if step["Id"] == StepId:
                return {"Step": step}
        raise refused("InvalidRequestException", f"Step id '{StepId}' is not valid.")

    def get_paginator(self, operation: str) -> Any:
        return _Paginator({"list_steps": self._steps, "list_clusters": self._listed}[operation])

    def _steps(self, *, ClusterId: str, StepStates: tuple[str, ...] = ()) -> Any:  # noqa: N803
        steps = self._cluster(ClusterId, "InvalidRequestException")["Steps"]
        found = [s for s in steps if not StepStates or s["Status"]["State"] in StepStates]
        return "Steps", list(reversed(found))

    def _listed(self, *, ClusterStates: tuple[str, ...] = ()) -> Any:  # noqa: N803  as in boto3
        found = [
            {"Id": cluster_id, "Name": cluster["Name"], "Status": {"State": cluster["State"]}}
            for cluster_id, cluster in self.clusters.items()
            if not ClusterStates or cluster["State"] in ClusterStates
        ]
        return "Clusters", list(reversed(found))

    def _cluster(self, cluster_id: str, code: str) -> dict[str, Any]:
        if cluster_id in self.forbidden:
            raise refused("AccessDeniedException", "is not authorized to perform this action")
        if cluster_id not in self.clusters:
            raise refused(code, f"Cluster id '{cluster_id}' is not valid.")
        return self.clusters[cluster_id]

    def _reply_or_not(self) -> None:
        if self.drop_replies:
            self.drop_replies -= 1
            raise ReadTimeoutError(endpoint_url="https://elasticmapreduce")


class _Paginator:
    def __init__(self, listing: Any) -> None:
        self._listing = listing

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        name, found = self._listing(**parameters)
        for start in range(0, max(len(found), 1), PAGE):
            yield {name: found[start : start + PAGE]}


def refused(code: str, message: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        },
        "Operation",
    )
