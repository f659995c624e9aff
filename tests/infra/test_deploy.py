"""The options on the local AWS: deployed, changed, read back through the API, and gone again."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from stacks.constructs import lake_catalog
from tests.client.packing import packed
from tests.conftest import LocalAwsUnderTest
from tests.infra.conftest import JsonObject
from tests.infra.deployment import Deployments, silent
from tests.lambda_src.delivery_transform.events import REQUEST
from tidelake.contract.deployment import Output, StackRole
from tidelake.contract.schema import raw_fields
from tidelake.local.cdk import LocalCdk

ENVIRONMENT = "options"

# Options that add resources; what the local AWS records alone is checked on the template.
FIRST: JsonObject = {
    "stream": {
        "shards": 1,
        "retention_hours": 24,
        "consumers": ["reader"],
        "endpoint_cidrs": ["10.42.0.0/16"],
    },
    "delivery": {
        "buffer_seconds": 60,
        "source_backup_days": 7,
        "transform": True,
        "transform_retries": 2,
    },
    "lake": {"database_name": "options_db", "query_scan_limit_mib": 10},
    "network": {"interface_endpoints": ["sts"], "flow_log_days": 1},
    "cluster": {
        "core_instances": 1,
        "task_instances": 1,
        "maximum_instances": 3,
        "certificates_uri": "s3://company-certificates/emr.zip",
    },
    "trigger": {"batch_size": 10},
    "monitoring": {
        "log_retention_days": 1,
        "alarm_emails": ["ops@example.org"],
        "alarm_urls": ["https://pager.example.org/in"],
        "monthly_budget_usd": 100,
    },
    "audit": {"data_events": True},
}
CHANGED: JsonObject = {
    **FIRST,
    "stream": {**FIRST["stream"], "retention_hours": 48},
    "delivery": {**FIRST["delivery"], "buffer_seconds": 120, "transform_retries": 5},
    "cluster": {**FIRST["cluster"], "step_concurrency": 3},
    "trigger": {"batch_size": 20},
    "monitoring": {**FIRST["monitoring"], "queue_age_alarm_seconds": 900},
}
# The nodes' disks are set as a cluster starts.
REPLACING: JsonObject = {**CHANGED, "cluster": {**CHANGED["cluster"], "volume_gib": 100}}


@dataclass(frozen=True)
class Deployment:
    """The stacks of one environment on the local AWS."""

    aws: LocalAwsUnderTest
    deployments: Deployments

    def deploy(self, values: JsonObject) -> LocalCdk:
        return self.deployments.deploy(ENVIRONMENT, values)

    def id_of(self, role: StackRole, resource_type: str) -> str:
        """The physical id of the one resource of that type in a stack."""
        cloudformation = self.aws.client("cloudformation")
        stack = role.stack_name(ENVIRONMENT)
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        [found] = [entry for entry in resources if entry["ResourceType"] == resource_type]
        physical_id: str = found["PhysicalResourceId"]
        return physical_id

    def read_back(self) -> dict[str, Any]:
        """What the services say of what the options set."""
        stream = self.aws.client("kinesis").describe_stream_summary(
            StreamName=self.id_of(StackRole.INGESTION, "AWS::Kinesis::Stream")
        )["StreamDescriptionSummary"]
        delivery = self.aws.client("firehose").describe_delivery_stream(
            DeliveryStreamName=self.id_of(
                StackRole.INGESTION, "AWS::KinesisFirehose::DeliveryStream"
            )
        )["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]
        cluster = self.aws.client("emr").describe_cluster(
            ClusterId=self.id_of(StackRole.PROCESSING, "AWS::EMR::Cluster")
        )["Cluster"]
        mapping = self.aws.client("lambda").get_event_source_mapping(
            UUID=self.id_of(StackRole.PROCESSING, "AWS::Lambda::EventSourceMapping")
        )
        alarms = self.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
        columns = self.aws.client("glue").get_table(DatabaseName="options_db", Name="log_events")[
            "Table"
        ]["StorageDescriptor"]["Columns"]
        return {
            "columns": [column["Name"] for column in columns],
            "retention": stream["RetentionPeriodHours"],
            "buffer": delivery["BufferingHints"]["IntervalInSeconds"],
            "retries of the transformation": [
                parameter["ParameterValue"]
                for processor in delivery["ProcessingConfiguration"]["Processors"]
                for parameter in processor["Parameters"]
                if parameter["ParameterName"] == "NumberOfRetries"
            ],
            "step concurrency": cluster["StepConcurrencyLevel"],
            "batch size": mapping["BatchSize"],
            "queue age": [
                alarm["Threshold"]
                for alarm in alarms
                if alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
            ],
        }

    def dashboard(self) -> str:
        """The body of the dashboard, with the ids of what it shows."""
        name = self.id_of(StackRole.MONITORING, "AWS::CloudWatch::Dashboard")
        body: str = self.aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
        return body


@pytest.fixture
def deployment(local_aws: LocalAwsUnderTest, tmp_path: Path) -> Deployment:
    return Deployment(local_aws, Deployments(local_aws.endpoint, tmp_path))


@pytest.mark.slow
def test_options_are_deployed_changed_in_place_replaced_and_destroyed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it was before the latest field came to the contract.
    fields = raw_fields()
    with monkeypatch.context() as earlier:
        earlier.setattr(lake_catalog, "raw_fields", lambda: fields[:-1])
        deployment.deploy(FIRST)
    columns = [field.name for field in fields]
    assert deployment.read_back() == {
        "columns": columns[:-1],
        "retention": 24,
        "buffer": 60,
        "retries of the transformation": ["2"],
        "step concurrency": 1,
        "batch size": 10,
        "queue age": [600.0],
    }
    cluster = deployment.id_of(StackRole.PROCESSING, "AWS::EMR::Cluster")

    deployment.deploy(CHANGED)
    assert deployment.read_back() == {
        "columns": columns,
        "retention": 48,
        "buffer": 120,
        "retries of the transformation": ["5"],
        "step concurrency": 3,
        "batch size": 20,
        "queue age": [900.0],
    }
    assert deployment.id_of(StackRole.PROCESSING, "AWS::EMR::Cluster") == cluster

    cdk = deployment.deploy(REPLACING)
    replaced = deployment.id_of(StackRole.PROCESSING, "AWS::EMR::Cluster")
    assert replaced != cluster
    assert replaced in deployment.dashboard()
    assert cluster not in deployment.dashboard()

    cdk.destroy(silent)
    stacks = deployment.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks if "-options-" in stack["StackName"]] == []
    buckets = deployment.aws.client("s3").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets if "options" in bucket["Name"]] == []


CHECKED: JsonObject = {
    "stream": {"shards": 1},
    "delivery": {
        "buffer_seconds": 1,
        "buffer_mib": 64,
        "source_backup_days": 1,
        "transform": True,
        "transform_retries": 1,
    },
    "lake": {"database_name": "checked_db"},
    "network": {"interface_endpoints": []},
}


@pytest.mark.slow
def test_records_are_held_to_the_contract_on_their_way_to_the_lake(deployment: Deployment) -> None:
    cdk = deployment.deploy(CHECKED)
    fitting = json.dumps(REQUEST).encode()
    mended = json.dumps({**REQUEST, "event_id": "mended", "status": "404"}).encode()
    misfit = json.dumps({**REQUEST, "event_id": "misfit", "status": 99}).encode()
    lake = Lake(deployment)

    deployment.aws.client("kinesis").put_records(
        StreamName=deployment.id_of(StackRole.INGESTION, "AWS::Kinesis::Stream"),
        Records=[
            {"Data": data, "PartitionKey": "any"}
            # Firehose takes packed records apart before it calls the function.
            for data in (packed(fitting, mended), misfit, b"\n")
        ],
    )
    lake.wait_for("streaming-data/", "streaming-errors/", "source-records/")

    [delivered] = lake.objects("streaming-data/")
    rows = pyarrow.parquet.read_table(io.BytesIO(delivered), columns=["event_id", "status"])
    assert rows.to_pylist() == [
        {"event_id": REQUEST["event_id"], "status": 200},
        {"event_id": "mended", "status": 404},
    ]
    [aside] = lake.objects("streaming-errors/processing-failed/")
    [line] = [json.loads(line) for line in aside.splitlines()]
    assert (line["errorCode"], line["attemptsMade"]) == ("Lambda.ProcessingFailedStatus", 1)
    assert base64.b64decode(line["rawData"]) == misfit
    # The records as they came, before the function.
    [kept] = lake.objects("source-records/")
    assert gzip.decompress(kept) == fitting + mended + misfit + b"\n"
    cdk.destroy(silent)


class Lake:
    """The lake bucket of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        cloudformation = deployment.aws.client("cloudformation")
        stack = StackRole.STORAGE.stack_name(ENVIRONMENT)
        outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        [self._bucket] = [
            output["OutputValue"]
            for output in outputs
            if output["OutputKey"] == Output.LAKE_BUCKET.key
        ]
        self._s3 = deployment.aws.client("s3")

    def objects(self, prefix: str) -> list[bytes]:
        listing = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
        return [
            self._s3.get_object(Bucket=self._bucket, Key=entry["Key"])["Body"].read()
            for entry in listing.get("Contents", [])
        ]

    def wait_for(self, *prefixes: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not all(self.objects(prefix) for prefix in prefixes):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.2)
