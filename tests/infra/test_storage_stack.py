"""The lake: what protects it, and what its catalog says."""

from __future__ import annotations

import pytest
from aws_cdk.assertions import Match

from tests.infra.conftest import JsonObject, Synthesis, cdk_context, synthesize
from tidelake.contract.deployment import StackRole


def lake_bucket(synthesis: Synthesis) -> JsonObject:
    [bucket] = [
        bucket
        for bucket in synthesis.resources("AWS::S3::Bucket")
        if "NotificationConfiguration" in bucket["Properties"]
    ]
    return bucket


def access_log_bucket(synthesis: Synthesis) -> JsonObject:
    name = lake_bucket(synthesis)["Properties"]["LoggingConfiguration"]["DestinationBucketName"]
    bucket: JsonObject = synthesis.documents[StackRole.STORAGE]["Resources"][name["Ref"]]
    return bucket


def raw_table(synthesis: Synthesis) -> JsonObject:
    [table] = synthesis.resources("AWS::Glue::Table")
    properties: JsonObject = table["Properties"]["TableInput"]
    return properties


def test_lake_key_is_rotated(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.STORAGE).has_resource_properties(
        "AWS::KMS::Key", {"EnableKeyRotation": True}
    )


def test_no_bucket_admits_public_access(synthesis: Synthesis) -> None:
    for bucket in (lake_bucket(synthesis), access_log_bucket(synthesis)):
        assert bucket["Properties"]["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }


def test_requests_to_the_lake_are_logged_to_a_bucket_without_kms(synthesis: Synthesis) -> None:
    logging = lake_bucket(synthesis)["Properties"]["LoggingConfiguration"]
    assert logging["LogFilePrefix"] == "lake/"
    target = access_log_bucket(synthesis)
    assert target["Type"] == "AWS::S3::Bucket"
    # S3 delivers its logs to no bucket that encrypts by a KMS key.
    [rule] = target["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_only_the_log_delivery_of_s3_may_write_access_logs(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.STORAGE).has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Effect": "Allow",
                                "Action": "s3:PutObject",
                                "Principal": {"Service": "logging.s3.amazonaws.com"},
                                "Condition": {
                                    "ArnLike": {"aws:SourceArn": Match.any_value()},
                                    "StringEquals": {
                                        "aws:SourceAccount": {"Ref": "AWS::AccountId"}
                                    },
                                },
                            }
                        )
                    ]
                )
            }
        },
    )


def test_access_logs_expire(dev: Synthesis) -> None:
    [expiry, _] = access_log_bucket(dev)["Properties"]["LifecycleConfiguration"]["Rules"]
    assert expiry["ExpirationInDays"] == 90


def test_lake_bucket_encrypts_with_the_lake_key_and_a_bucket_key(synthesis: Synthesis) -> None:
    [rule] = lake_bucket(synthesis)["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert "Fn::GetAtt" in rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]


def test_lake_bucket_keeps_versions(synthesis: Synthesis) -> None:
    assert lake_bucket(synthesis)["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_lake_bucket_refuses_requests_without_tls(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.STORAGE).has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Effect": "Deny",
                                "Action": "s3:*",
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        )
                    ]
                )
            }
        },
    )


def test_lake_bucket_sends_events_to_event_bridge_by_itself(synthesis: Synthesis) -> None:
    assert lake_bucket(synthesis)["Properties"]["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    assert not synthesis.resources("Custom::S3BucketNotifications")


def test_lifecycle_follows_the_zones(dev: Synthesis) -> None:
    rules = {
        rule["Id"]: rule
        for rule in lake_bucket(dev)["Properties"]["LifecycleConfiguration"]["Rules"]
    }
    assert rules["raw"]["Prefix"] == "streaming-data/"
    assert rules["raw"]["Transitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}]
    assert {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in rules.values()
        if "ExpirationInDays" in rule
    } == {
        "streaming-errors/": 90,
        "manifests/": 365,
        "batch-results/": 365,
        "emr-logs/": 30,
        "query-results/": 7,
    }
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["aborted-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize(
    "resource_type", ["AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Kinesis::Stream"]
)
def test_data_survives_stack_deletion_in_prod(prod: Synthesis, resource_type: str) -> None:
    policies = {
        (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for resource in prod.resources(resource_type)
    }
    assert policies == {("Retain", "Retain")}


@pytest.mark.parametrize("resource_type", ["AWS::Glue::Database", "AWS::Glue::Table"])
def test_the_catalog_survives_with_its_data_in_prod_but_not_a_failed_first_deployment(
    resource_type: str, syntheses: dict[str, Synthesis]
) -> None:
    policies = {
        environment: {
            (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
            for resource in synthesis.resources(resource_type)
        }
        for environment, synthesis in syntheses.items()
    }
    assert policies == {
        "local": {("Delete", "Delete")},
        "dev": {("Delete", "Delete")},
        "prod": {("RetainExceptOnCreate", "Retain")},
    }


def test_nothing_empties_the_lake_bucket_in_prod(prod: Synthesis) -> None:
    assert prod.resources("Custom::S3AutoDeleteObjects") == []


@pytest.mark.parametrize("environment", ["local", "dev"])
def test_both_buckets_are_emptied_and_deleted_with_their_stack_outside_prod(
    environment: str, syntheses: dict[str, Synthesis]
) -> None:
    synthesis = syntheses[environment]
    assert lake_bucket(synthesis)["DeletionPolicy"] == "Delete"
    assert access_log_bucket(synthesis)["DeletionPolicy"] == "Delete"
    assert len(synthesis.resources("Custom::S3AutoDeleteObjects")) == 2


def test_every_stack_is_protected_from_deletion_in_prod_alone(
    syntheses: dict[str, Synthesis],
) -> None:
    assert {
        environment: set(synthesis.protected.values())
        for environment, synthesis in syntheses.items()
    } == {"local": {False}, "dev": {False}, "prod": {True}}


def test_raw_table_has_the_columns_of_an_event(dev: Synthesis) -> None:
    columns = {
        column["Name"]: column["Type"] for column in raw_table(dev)["StorageDescriptor"]["Columns"]
    }
    assert columns["event_id"] == "string"
    assert columns["event_time"] == "timestamp"
    assert columns["status"] == "int"
    assert columns["response_bytes"] == "bigint"


def test_raw_table_lies_over_the_raw_zone_as_parquet(dev: Synthesis) -> None:
    storage = raw_table(dev)["StorageDescriptor"]
    assert storage["Location"]["Fn::Join"][1][-1] == "/streaming-data/"
    assert storage["SerdeInfo"]["SerializationLibrary"] == (
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    )


def test_a_new_hour_is_seen_without_a_crawler(dev: Synthesis) -> None:
    table = raw_table(dev)
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month", "day", "hour"]
    assert {name: value for name, value in table["Parameters"].items() if "projection" in name} == {
        "projection.enabled": "true",
        "projection.year.type": "integer",
        "projection.year.range": "2025,2035",
        "projection.year.digits": "4",
        "projection.month.type": "integer",
        "projection.month.range": "1,12",
        "projection.month.digits": "2",
        "projection.day.type": "integer",
        "projection.day.range": "1,31",
        "projection.day.digits": "2",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
    }


def test_key_serves_each_service_for_what_it_does_here_alone(prod: Synthesis) -> None:
    [key] = prod.resources("AWS::KMS::Key")
    conditions = {
        statement["Sid"]: statement["Condition"]
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    }
    own = {"Ref": "AWS::AccountId"}
    assert conditions.keys() == {
        "PublishAlarms",
        "PublishEvents",
        "EncryptLogGroups",
        "EncryptAuditLog",
    }
    assert conditions["PublishAlarms"] == {"StringEquals": {"aws:SourceAccount": own}}
    # EventBridge names no account to KMS; what it encrypts is narrowed by the topic.
    assert conditions["PublishEvents"].keys() == {"ArnLike"}
    [(context, topics)] = conditions["PublishEvents"]["ArnLike"].items()
    assert context == "kms:EncryptionContext:aws:sns:topicArn"
    assert topics["Fn::Join"][1][-2:] == [own, ":*"]


def test_key_lets_alarms_and_rules_reach_the_encrypted_topic(synthesis: Synthesis) -> None:
    [key] = synthesis.resources("AWS::KMS::Key")
    publishing = {
        statement["Principal"]["Service"]: statement["Action"]
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement.get("Sid", "").startswith("Publish")
    }
    assert publishing == {
        "cloudwatch.amazonaws.com": ["kms:Decrypt", "kms:GenerateDataKey"],
        "events.amazonaws.com": ["kms:Decrypt", "kms:GenerateDataKey"],
    }


def test_lake_options_reach_the_catalog(tmp_path_factory: pytest.TempPathFactory) -> None:
    context = cdk_context()
    context["environments"]["dev"]["lake"] = {
        "database_name": "events_db",
        "raw_table_name": "raw",
        "first_year": 2026,
    }
    synthesis = synthesize("dev", tmp_path_factory.mktemp("options"), context)
    synthesis.template(StackRole.STORAGE).has_resource_properties(
        "AWS::Glue::Table",
        {
            "DatabaseName": "events_db",
            "TableInput": {"Name": "raw", "Parameters": {"projection.year.range": "2026,2035"}},
        },
    )
