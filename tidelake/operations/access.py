"""The AWS that an environment is deployed to: clients of it, and what a tool needs to reach it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3

from tidelake.contract.errors import LocalAwsError
from tidelake.local.endpoint import local_client, local_environment
from tidelake.local.lifecycle import STATE_DIR, local_status
from tidelake.local.target import LOCAL, aws_region


@dataclass(frozen=True, kw_only=True)
class AwsAccess:
    """One AWS, for our own calls and for the CDK CLI's."""

    client: Callable[[str], Any]
    """A boto3 client of a service, by the service's name."""
    tool_environment: Mapping[str, str]


def access_to(environment: str) -> AwsAccess:
    """The AWS of an environment.

    `local` is the local AWS of the working directory and nothing else; any other environment is on
    AWS, as boto3 finds it. Raises LocalAwsError when no local AWS runs, ConfigurationError when
    no region is set.
    """
    if environment == LOCAL:
        endpoint = local_status().endpoint
        if endpoint is None:
            raise LocalAwsError("no local AWS runs here, so that nothing is deployed on it")
        return AwsAccess(
            client=partial(local_client, endpoint=endpoint),
            tool_environment=local_environment(
                endpoint, base=os.environ, cdk_home=STATE_DIR.resolve() / "cdk-home"
            ),
        )
    region = aws_region()
    return AwsAccess(
        client=partial(boto3.client, region_name=region),
        tool_environment={**os.environ, "AWS_REGION": region},
    )
