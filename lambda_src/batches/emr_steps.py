"""Steps of a cluster, as the functions look them up and submit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from lambda_src.batches.clients import Clients
from tidelake.contract.errors import TidelakeError

OPEN_CLUSTER = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
"""States in which a cluster takes steps ("Add steps to a cluster", EMR management guide)."""
_ACTIVE = ["PENDING", "CANCEL_PENDING", "RUNNING"]
"""What counts against the limit of 256 steps of a cluster."""
_REFUSALS = ("ValidationException", "InvalidRequestException")
_CLOCK_SKEW_SECONDS = 300


class StepRefusedError(TidelakeError):
    """EMR took no step: the cluster is ending, or has too many. Nothing was submitted."""


class EmrSteps:
    """Steps of whatever cluster. ClientError and timeouts are passed on, unless said otherwise."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def active_names(self, cluster_id: str) -> list[str]:
        """The names of the steps that are pending or running."""
        return [step["Name"] for step in self._list(cluster_id, StepStates=_ACTIVE)]

    def find(self, cluster_id: str, name: str, *, since: int) -> str | None:
        """The id of the newest step of that name, whatever its state, submitted after `since`.

        None, too, where EMR no longer knows the cluster, two months after its end.
        """
        try:
            for step in self._list(cluster_id):
                if step["Name"] == name:
                    return str(step["Id"])
                created = step["Status"]["Timeline"]["CreationDateTime"].timestamp()
                if created < since - _CLOCK_SKEW_SECONDS:
                    return None
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSALS:
                raise
        return None

    def add(self, cluster_id: str, name: str, arguments: Sequence[str]) -> str:
        """Submit a step; its id. Raises StepRefusedError where EMR certainly took none."""
        step = {
            "Name": name,
            # Anything else would end the cluster, or refuse more than one step at a time.
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(arguments)},
        }
        try:
            reply = self._clients.emr_once.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSALS:
                raise StepRefusedError(f"cluster {cluster_id} took no step {name}") from error
            raise
        return str(reply["StepIds"][0])

    def status(self, cluster_id: str, step_id: str) -> Mapping[str, Any] | None:
        """A step's status; None where EMR does not know the step, or no longer."""
        try:
            reply = self._clients.emr.describe_step(ClusterId=cluster_id, StepId=step_id)
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSALS:
                return None
            raise
        status: Mapping[str, Any] = reply["Step"]["Status"]
        return status

    def _list(self, cluster_id: str, **filters: object) -> Iterator[Mapping[str, Any]]:
        """Newest first, a page at a time, as far as they are asked for."""
        listing = self._clients.emr.get_paginator("list_steps")
        pages = listing.paginate(ClusterId=cluster_id, **filters)
        for page in pages:
            yield from page["Steps"]
