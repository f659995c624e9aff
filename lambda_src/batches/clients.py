"""Clients of AWS, each made when first needed: a cold start pays for what its batch uses."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config

_CONNECT_SECONDS, _READ_SECONDS = 5, 10
"""Short enough that a stuck call fails, and is retried, within the function's own time limit."""


class Clients:
    """Clients of one botocore session, which loads what they share once.

    Its clients are those of boto3, without boto3's own cost at a cold start.
    """

    def __init__(self) -> None:
        self._session = botocore.session.get_session()

    def _client(self, service: str, tries: int) -> Any:
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": tries},
        )
        return self._session.create_client(service, config=config)

    @cached_property
    def dynamodb(self) -> Any:
        return self._client("dynamodb", 3)

    @cached_property
    def emr(self) -> Any:
        """For looking things up, patiently: EMR throttles whoever asks after many steps at once."""
        return self._client("emr", 5)

    @cached_property
    def emr_once(self) -> Any:
        """For AddJobFlowSteps and RunJobFlow, which it tries once: where the reply to the first
        try was lost, a second would be a second step or cluster."""
        return self._client("emr", 1)

    @cached_property
    def s3(self) -> Any:
        return self._client("s3", 3)

    @cached_property
    def sqs(self) -> Any:
        return self._client("sqs", 3)

    @cached_property
    def ssm(self) -> Any:
        return self._client("ssm", 3)
