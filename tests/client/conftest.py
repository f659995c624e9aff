"""One stream under three roofs: the strict fake, moto, and the local AWS, read in two ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from tests.client.fake_stream import FakeStream
from tests.conftest import LocalAwsUnderTest
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.fast_transport import FastTransport
from tidelake.client.transport import PutTransport, ReadTransport


class Transport(PutTransport, ReadTransport, Protocol):
    """Both ways."""


@dataclass(frozen=True)
class StreamUnderTest:
    """An empty data stream of two shards, and the transport that reaches it."""

    transport: Transport
    name: str


@pytest.fixture(
    params=[
        "fake",
        "moto",
        pytest.param("local", marks=pytest.mark.slow),
        pytest.param("local-fast", marks=pytest.mark.slow),
    ]
)
def stream(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StreamUnderTest]:
    name = f"events-{uuid4().hex[:8]}"
    if request.param == "fake":
        yield StreamUnderTest(FakeStream(name), name)
    elif request.param == "moto":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with mock_aws():
            boto3.client("kinesis", region_name="us-east-1").create_stream(
                StreamName=name, ShardCount=2
            )
            yield StreamUnderTest(BotoTransport.connect(region="us-east-1"), name)
    else:
        local_aws: LocalAwsUnderTest = request.getfixturevalue("local_aws")
        client = local_aws.client("kinesis")
        client.create_stream(StreamName=name, ShardCount=2)
        client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
        transport = FastTransport if request.param == "local-fast" else BotoTransport
        yield StreamUnderTest(transport(client), name)


@pytest.fixture
def dead_letters(tmp_path: Path) -> Iterator[DeadLetterFile]:
    with DeadLetterFile(tmp_path / "dead_letters.jsonl") as file:
        yield file
