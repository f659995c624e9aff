"""A cluster that ends is told to people: rule and topic as they are deployed to the local AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LocalAwsUnderTest
from tests.infra.conftest import JsonObject
from tests.infra.deployment import Deployments, silent
from tidelake.contract.deployment import Output

ENVIRONMENT = "told"
VALUES: JsonObject = {
    "stream": {"shards": 1},
    "lake": {"database_name": "told_db"},
    "network": {"interface_endpoints": []},
    "cluster": {"core_instances": 1, "maximum_instances": 1},
}


def output_of(aws: LocalAwsUnderTest, output: Output) -> str:
    stack = output.stack.stack_name(ENVIRONMENT)
    [described] = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    values = {entry["OutputKey"]: entry["OutputValue"] for entry in described["Outputs"]}
    value: str = values[output.key]
    return value


@pytest.mark.slow
def test_a_cluster_that_ends_is_told_to_the_topic(
    local_aws: LocalAwsUnderTest, tmp_path: Path
) -> None:
    cdk = Deployments(local_aws.endpoint, tmp_path).deploy(ENVIRONMENT, VALUES)
    sqs: Any = local_aws.client("sqs")
    queue = sqs.create_queue(QueueName="told-people")["QueueUrl"]
    local_aws.client("sns").subscribe(
        TopicArn=output_of(local_aws, Output.ALARM_TOPIC),
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:000000000000:told-people",
    )
    cluster = output_of(local_aws, Output.CLUSTER)

    local_aws.client("emr").terminate_job_flows(JobFlowIds=[cluster])

    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    event = json.loads(json.loads(message["Body"])["Message"])
    assert event["detail-type"] == "EMR Cluster State Change"
    assert (event["detail"]["clusterId"], event["detail"]["state"]) == (cluster, "TERMINATED")
    cdk.destroy(silent)
