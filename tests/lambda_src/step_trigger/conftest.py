"""A lake bucket, and a strict stand-in for EMR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from tidelake.contract.settings import StepTriggerSettings

SETTINGS = StepTriggerSettings(
    environment="dev",
    cluster_id="j-1K48XXXXXXHCB",
    lake_bucket="lake",
    job_uri="s3://assets/curate.py",
    py_files_uri="s3://assets/shared.zip",
    database="streaming_db",
)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 client whose only bucket is the lake."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture
def emr() -> Any:
    return boto3.client(
        "emr", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def emr_calls(emr: Any) -> Iterator[Stubber]:
    """The calls that EMR expects, in order; any other call, and a missing one, fails the test."""
    with Stubber(emr) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect_listing(calls: Stubber, *names: str, marker: str = "", next_marker: str = "") -> None:
    """Expect one page of ListSteps, and answer with steps of these names."""
    parameters: dict[str, Any] = {
        "ClusterId": "j-1K48XXXXXXHCB",
        "StepStates": ["PENDING", "RUNNING"],
    }
    response: dict[str, Any] = {"Steps": [{"Name": name} for name in names]}
    if marker:
        parameters["Marker"] = marker
    if next_marker:
        response["Marker"] = next_marker
    calls.add_response("list_steps", response, parameters)


def expect_step(calls: Stubber, batch_id: str) -> None:
    """Expect the step of that batch, with exactly the arguments that the job takes."""
    calls.add_response(
        "add_job_flow_steps",
        {"StepIds": ["s-2K48XXXXXXHCB"]},
        {
            "JobFlowId": "j-1K48XXXXXXHCB",
            "Steps": [
                {
                    "Name": f"curate-{batch_id}",
                    "ActionOnFailure": "CONTINUE",
                    "HadoopJarStep": {
                        "Jar": "command-runner.jar",
                        "Args": [
                            "spark-submit",
                            "--py-files",
                            "s3://assets/shared.zip",
                            "s3://assets/curate.py",
                            "--manifest",
                            f"s3://lake/manifests/{batch_id}.json",
                            "--database",
                            "streaming_db",
                        ],
                    },
                }
            ],
        },
    )
