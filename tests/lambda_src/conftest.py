"""Events as AWS sends them, after the examples of its user guides; stand-ins for AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.lambda_src.control_plane import (
    CLUSTER_NAME,
    Clock,
    ControlPlane,
    FakeClients,
    create_table,
)
from tests.lambda_src.fake_emr import FakeEmr

JsonObject = dict[str, Any]
LoadEvent = Callable[[str], JsonObject]
LogLines = Callable[[], list[JsonObject]]


@pytest.fixture
def load_event() -> LoadEvent:
    """A fresh copy of the recorded event of that name."""

    def load(name: str) -> JsonObject:
        path = Path(__file__).parent / "events" / f"{name}.json"
        event: JsonObject = json.loads(path.read_text())
        return event

    return load


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str]) -> LogLines:
    """What was logged since it was last asked for, metrics apart."""

    def read() -> list[JsonObject]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [line for line in lines if "_aws" not in line]

    return read


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlPlane]:
    """A lake bucket, the table, the queues, and EMR with one persistent cluster."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        clients = {n: boto3.client(n, region_name="us-east-1") for n in ("s3", "dynamodb", "sqs")}
        ssm = boto3.client("ssm", region_name="us-east-1")
        clients["s3"].create_bucket(Bucket="lake")
        versioning = {"Status": "Enabled"}
        clients["s3"].put_bucket_versioning(Bucket="lake", VersioningConfiguration=versioning)
        create_table(clients["dynamodb"])
        request = json.dumps({"Name": CLUSTER_NAME, "Instances": {"InstanceCount": 1}})
        ssm.put_parameter(Name="/tidelake/dev/cluster-launch", Value=request, Type="String")
        emr = FakeEmr()
        yield ControlPlane(
            clients=FakeClients(**clients, ssm=ssm, emr=emr),
            clock=Clock(time.time()),
            emr=emr,
            queue_url=clients["sqs"].create_queue(QueueName="trigger")["QueueUrl"],
            dead_letters_url=clients["sqs"].create_queue(QueueName="dead")["QueueUrl"],
            cluster_id=emr.run_job_flow(Name="persistent")["JobFlowId"],
        )
