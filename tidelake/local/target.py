"""Which AWS a command means: the local one, or an account as boto3 finds it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3

from tidelake.client.boto_transport import BotoTransport
from tidelake.client.fast_transport import FastTransport
from tidelake.client.outputs import read_outputs
from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError, LocalAwsError
from tidelake.local.endpoint import local_client
from tidelake.local.lifecycle import local_status

LOCAL = "local"
FAST = "fast"
TRANSPORTS: dict[str, type[BotoTransport]] = {FAST: FastTransport, "boto3": BotoTransport}
"""Both read alike; the fast one puts with a fifth of the work. boto3's own is there for what hooks
into boto3, as moto and tracers do."""


@dataclass(frozen=True)
class Target:
    """One environment: clients of its AWS, and its data stream."""

    environment: str
    client: Callable[[str], Any]
    """A boto3 client of a service, by its name."""

    def stream_name(self, stream: str | None) -> str:
        """`stream`, or the one that the environment's stacks made.

        Raises ConfigurationError when nothing is deployed.
        """
        if stream is not None:
            return stream
        return read_outputs(self.client("cloudformation"), self.environment)[Output.STREAM]

    def transport(self, name: str = FAST) -> BotoTransport:
        """A transport of TRANSPORTS, which leaves retries to the producer or consumer."""
        if self.environment == LOCAL:
            return TRANSPORTS[name](self.client("kinesis"))
        return TRANSPORTS[name].connect(region=aws_region())


def open_target(environment: str) -> Target:
    """`local` means the local AWS of the working directory and nothing else; any other
    environment means AWS, as boto3 finds it.

    Raises LocalAwsError when no local AWS runs, ConfigurationError when no region is set.
    """
    if environment != LOCAL:
        return Target(environment, partial(boto3.client, region_name=aws_region()))
    endpoint = local_status().endpoint
    if endpoint is None:
        raise LocalAwsError(
            "no local AWS runs here; `make demo KEEP=1` starts one with the stacks on it"
        )
    return Target(environment, lambda service: local_client(service, endpoint))


def open_stream(
    environment: str, stream: str | None, transport: str = FAST
) -> tuple[BotoTransport, str]:
    """A transport by its name in TRANSPORTS, and the name of the data stream on its other side.

    Raises as `open_target` and `Target.stream_name` do.
    """
    target = open_target(environment)
    return target.transport(transport), target.stream_name(stream)


def aws_region() -> str:
    """The region as the CDK CLI finds it: boto3 alone does not read AWS_REGION.

    Raises ConfigurationError where none is set.
    """
    region: str | None = os.environ.get("AWS_REGION", boto3.session.Session().region_name)
    if not region:
        raise ConfigurationError("AWS_REGION", region, "a region such as us-east-1")
    return region
