"""The cluster that takes the steps: one that lasts, or one that is launched when work comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from botocore.exceptions import ClientError

from lambda_src.batches.clients import Clients
from lambda_src.batches.emr_steps import OPEN_CLUSTER
from lambda_src.batches.table import BatchTable
from lambda_src.telemetry import log
from tidelake.contract.batch_items import ClusterLaunch
from tidelake.contract.errors import TidelakeError

_SERVER_FAILED = 500
_GONE = "GONE"


class ClusterUnavailableError(TidelakeError):
    """No cluster takes steps, and none comes by itself: a person has to act."""


class ClusterLaunchingError(TidelakeError):
    """Another invocation launches the cluster just now."""


class Clusters(Protocol):
    """Where to find a cluster that takes steps."""

    launched: int
    """How many clusters were launched."""

    def find(self) -> str:
        """Its id; it may be starting still. Raises ClusterUnavailableError or
        ClusterLaunchingError."""


class PersistentCluster:
    """The one cluster of the stack. `emr` is a boto3 client, whose ClientError is passed on."""

    launched = 0

    def __init__(self, emr: Any, cluster_id: str) -> None:
        self._emr = emr
        self._cluster_id = cluster_id

    def find(self) -> str:
        state = _state(self._emr, self._cluster_id)
        if state not in OPEN_CLUSTER:
            raise ClusterUnavailableError(f"cluster {self._cluster_id} is {state}")
        return self._cluster_id


class OnDemandCluster:
    """The cluster of this name, launched where there is none, by one of many invocations.

    RunJobFlow takes no client token: whoever writes the launch down first may launch, and after
    its lease another looks for a cluster of the name before it launches one. The lease is
    longer than an invocation, so two never launch at once.
    """

    def __init__(
        self,
        clients: Clients,
        table: BatchTable,
        *,
        name: str,
        lease_seconds: int,
        launch_request: Callable[[], str],
    ) -> None:
        self.launched = 0
        self._clients = clients
        self._table = table
        self._name = name
        self._lease_seconds = lease_seconds
        self._launch_request = launch_request

    def find(self) -> str:
        known = self._table.cluster()
        if known.cluster_id and self._takes_steps(known.cluster_id):
            return known.cluster_id
        now = self._table.now()
        if known.lease_until > now:
            raise ClusterLaunchingError(f"cluster {self._name} is being launched")
        mine = self._table.save_cluster(
            replace(known, cluster_id="", lease_until=now + self._lease_seconds)
        )
        if mine is None:
            raise ClusterLaunchingError(f"cluster {self._name} is being launched")
        cluster_id = self._running()
        if cluster_id is None:
            cluster_id = self._launch(mine)
        # Where this write is lost, the next invocation finds the cluster by its name.
        self._table.save_cluster(replace(mine, cluster_id=cluster_id, lease_until=0))
        return cluster_id

    def _takes_steps(self, cluster_id: str) -> bool:
        try:
            return _state(self._clients.emr, cluster_id) in OPEN_CLUSTER
        except ClientError as error:
            # The policy goes by a tag, which a cluster that EMR has forgotten bears no more. Should
            # it be there after all, it is found by its name.
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False

    def _running(self) -> str | None:
        """A cluster of the name that takes steps, from a launch whose reply was lost."""
        listing = self._clients.emr.get_paginator("list_clusters")
        pages = listing.paginate(ClusterStates=list(OPEN_CLUSTER))
        for page in pages:
            for cluster in page["Clusters"]:
                if cluster["Name"] == self._name:
                    return str(cluster["Id"])
        return None

    def _launch(self, mine: ClusterLaunch) -> str:
        try:
            reply = self._clients.emr_once.run_job_flow(**json.loads(self._launch_request()))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_FAILED:
                raise
            # Refused, so that nothing was launched. After any other failure the lease stays.
            self._table.save_cluster(replace(mine, lease_until=0))
            code = error.response["Error"]["Code"]
            raise ClusterUnavailableError(f"cluster {self._name} was refused: {code}") from error
        self.launched += 1
        log("cluster launched", cluster=reply["JobFlowId"])
        return str(reply["JobFlowId"])


def _state(emr: Any, cluster_id: str) -> str:
    """The cluster's state; `GONE` where EMR no longer knows it."""
    try:
        cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRequestException":
            return _GONE
        raise
    return str(cluster["Status"]["State"])
