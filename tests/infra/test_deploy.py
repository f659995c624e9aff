"""The options on the local AWS: deployed, changed, read back through the API, and gone again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stacks.constructs import lake_catalog
from tests.conftest import LocalAwsUnderTest
from tests.infra.conftest import JsonObject
from tests.infra.deployment import Deployments, silent
from tidelake.contract.deployment import StackRole
from tidelake.contract.schema import raw_fields
from tidelake.local.cdk import LocalCdk

ENVIRONMENT = "options"

# Options that add resources; what the local AWS records alone is checked on the template.
FIRST: JsonObject = {
    "stream": {"shards": 1, "retention_hours": 24, "consumers": ["reader"]},
    "delivery": {"buffer_seconds": 60, "source_backup_days": 7},
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
    "delivery": {**FIRST["delivery"], "buffer_seconds": 120},
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
