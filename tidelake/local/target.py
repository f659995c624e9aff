"""Which data stream a command means: the local AWS's own, or one that was deployed to AWS."""

from __future__ import annotations

import os

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


def open_stream(
    environment: str, stream: str | None, transport: str = FAST
) -> tuple[BotoTransport, str]:
    """A transport by its name in TRANSPORTS, and the name of the data stream on its other side.

    `local` means the local AWS of the working directory and nothing else; any other environment
    means AWS, as boto3 finds it. Without `stream` it is the one that the environment's stacks made.
    Raises LocalAwsError when no local AWS runs, ConfigurationError when no region is set or
    nothing is deployed.
    """
    if environment == LOCAL:
        endpoint = local_status().endpoint
        if endpoint is None:
            raise LocalAwsError(
                "no local AWS runs here; `make demo KEEP=1` starts one with the stacks on it"
            )
        way = TRANSPORTS[transport](local_client("kinesis", endpoint))
        cloudformation = local_client("cloudformation", endpoint)
    else:
        region = aws_region()
        way = TRANSPORTS[transport].connect(region=region)
        cloudformation = boto3.client("cloudformation", region_name=region)
    if stream is None:
        stream = read_outputs(cloudformation, environment)[Output.STREAM]
    return way, stream


def aws_region() -> str:
    """The region as the CDK CLI finds it: boto3 alone does not read AWS_REGION.

    Raises ConfigurationError where none is set.
    """
    region: str | None = os.environ.get("AWS_REGION", boto3.session.Session().region_name)
    if region is None:
        raise ConfigurationError("AWS_REGION", None, "a region such as us-east-1")
    return region
