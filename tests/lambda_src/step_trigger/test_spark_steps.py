"""Steps: one for each manifest, and no second one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambda_src.step_trigger.spark_steps import SparkSteps
from tests.lambda_src.step_trigger.conftest import SETTINGS, expect_listing, expect_step
from tidelake.contract.manifest import Manifest, RawObject

MANIFEST = Manifest("b1", (RawObject("lake", "streaming-data/a.parquet", "v1", 10),))


@pytest.fixture
def steps(s3: Any, emr: Any) -> SparkSteps:
    return SparkSteps(SETTINGS, s3=s3, emr=emr)


def test_a_new_manifest_is_written_and_its_step_submitted(
    steps: SparkSteps, s3: Any, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls)
    expect_step(emr_calls, "b1")
    assert steps.submit(MANIFEST) is True
    stored = s3.get_object(Bucket="lake", Key="manifests/b1.json")
    assert json.load(stored["Body"]) == {
        "batch_id": "b1",
        "objects": [
            {"bucket": "lake", "key": "streaming-data/a.parquet", "version_id": "v1", "size": 10}
        ],
    }


def test_a_step_that_is_under_way_is_not_submitted_again(
    steps: SparkSteps, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls, "curate-b0", "curate-b1")
    assert steps.submit(MANIFEST) is False


def test_a_step_is_found_on_a_later_page(steps: SparkSteps, emr_calls: Stubber) -> None:
    expect_listing(emr_calls, "curate-b9", next_marker="2")
    expect_listing(emr_calls, "curate-b1", marker="2")
    assert steps.submit(MANIFEST) is False


def test_nothing_is_submitted_where_the_manifest_cannot_be_written(
    s3: Any, emr: Any, emr_calls: Stubber
) -> None:
    s3.delete_bucket(Bucket="lake")
    expect_listing(emr_calls)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        SparkSteps(SETTINGS, s3=s3, emr=emr).submit(MANIFEST)


def test_an_error_of_emr_is_passed_on(steps: SparkSteps, emr_calls: Stubber) -> None:
    expect_listing(emr_calls)
    emr_calls.add_client_error("add_job_flow_steps", "ThrottlingException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        steps.submit(MANIFEST)
