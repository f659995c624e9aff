"""The way in: data stream and delivery."""

from __future__ import annotations

from aws_cdk.assertions import Match

from tests.infra.conftest import Configured, JsonObject, Synthesis, listed
from tidelake.contract.deployment import StackRole


def destination(synthesis: Synthesis) -> JsonObject:
    [stream] = synthesis.resources("AWS::KinesisFirehose::DeliveryStream")
    properties: JsonObject = stream["Properties"]["ExtendedS3DestinationConfiguration"]
    return properties


def test_data_stream_has_two_shards_and_keeps_a_week(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.INGESTION).has_resource_properties(
        "AWS::Kinesis::Stream",
        {
            "ShardCount": 2,
            "RetentionPeriodHours": 168,
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        },
    )


def test_data_stream_is_encrypted_with_the_lake_key(synthesis: Synthesis) -> None:
    [stream] = synthesis.resources("AWS::Kinesis::Stream")
    encryption = stream["Properties"]["StreamEncryption"]
    assert encryption["EncryptionType"] == "KMS"
    assert encryption["KeyId"]["Fn::GetStackOutput"]["StackName"] == (
        f"tidelake-{synthesis.environment}-storage"
    )


def test_data_stream_publishes_the_configured_metrics_of_each_shard(dev: Synthesis) -> None:
    [stream] = dev.resources("AWS::Kinesis::Stream")
    assert stream["Properties"]["DesiredShardLevelMetrics"] == [
        "IncomingBytes",
        "IncomingRecords",
        "WriteProvisionedThroughputExceeded",
        "ReadProvisionedThroughputExceeded",
        "IteratorAgeMilliseconds",
    ]


def test_delivery_reads_the_data_stream(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.INGESTION).has_resource_properties(
        "AWS::KinesisFirehose::DeliveryStream",
        {
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": Match.any_value(),
        },
    )


def test_delivery_converts_json_to_parquet_by_the_raw_table(synthesis: Synthesis) -> None:
    conversion = destination(synthesis)["DataFormatConversionConfiguration"]
    assert conversion["Enabled"] is True
    assert conversion["InputFormatConfiguration"] == {"Deserializer": {"OpenXJsonSerDe": {}}}
    assert conversion["OutputFormatConfiguration"] == {"Serializer": {"ParquetSerDe": {}}}
    schema = conversion["SchemaConfiguration"]
    database = "streaming_db_prod" if synthesis.environment == "prod" else "streaming_db"
    assert (schema["DatabaseName"], schema["VersionId"]) == (database, "LATEST")


def test_delivery_leaves_compression_to_parquet(synthesis: Synthesis) -> None:
    # Firehose refuses any other compression next to a conversion.
    assert destination(synthesis).get("CompressionFormat", "UNCOMPRESSED") == "UNCOMPRESSED"


def test_delivery_writes_by_hour_and_sets_errors_apart_by_kind(synthesis: Synthesis) -> None:
    assert destination(synthesis)["Prefix"] == (
        "streaming-data/year=!{timestamp:yyyy}/month=!{timestamp:MM}"
        "/day=!{timestamp:dd}/hour=!{timestamp:HH}/"
    )
    assert destination(synthesis)["ErrorOutputPrefix"] == (
        "streaming-errors/!{firehose:error-output-type}/"
    )


def test_delivery_buffers_as_configured(syntheses: dict[str, Synthesis]) -> None:
    assert {
        environment: destination(synthesis)["BufferingHints"]
        for environment, synthesis in syntheses.items()
    } == {
        "local": {"IntervalInSeconds": 3, "SizeInMBs": 64},
        "dev": {"IntervalInSeconds": 60, "SizeInMBs": 128},
        "prod": {"IntervalInSeconds": 300, "SizeInMBs": 128},
    }


def test_delivery_logs_to_a_group_of_its_own(synthesis: Synthesis) -> None:
    logging = destination(synthesis)["CloudWatchLoggingOptions"]
    assert logging["Enabled"] is True
    assert logging["LogGroupName"]["Ref"] in synthesis.documents[StackRole.INGESTION]["Resources"]


def test_delivery_role_serves_this_account_alone(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.INGESTION).has_resource_properties(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    {
                        "Action": "sts:AssumeRole",
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
                        },
                        "Effect": "Allow",
                        "Principal": {"Service": "firehose.amazonaws.com"},
                    }
                ]
            }
        },
    )


def test_delivery_writes_to_two_zones_and_reads_none(synthesis: Synthesis) -> None:
    statements = [
        statement
        for resource in synthesis.documents[StackRole.INGESTION]["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]
    [put] = [statement for statement in statements if "s3:PutObject" in statement["Action"]]
    assert [resource["Fn::Join"][1][-1] for resource in put["Resource"]] == [
        "/streaming-data/*",
        "/streaming-errors/*",
    ]
    actions = {action for statement in statements for action in statement["Action"]}
    assert not {action for action in actions if action.startswith(("s3:Get", "s3:Delete"))} - {
        "s3:GetBucketLocation"
    }


def test_delivery_may_read_the_stream_and_the_schema_and_encrypt_what_it_writes(
    synthesis: Synthesis,
) -> None:
    allowed = {
        action
        for resource in synthesis.documents[StackRole.INGESTION]["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    assert allowed >= {
        *("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords"),
        "glue:GetTableVersions",
        *("kms:Decrypt", "kms:GenerateDataKey"),
    }


def test_an_on_demand_stream_has_no_number_of_shards(configured: Configured) -> None:
    [stream] = configured(stream={"mode": "on_demand"}).resources("AWS::Kinesis::Stream")
    assert stream["Properties"]["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert "ShardCount" not in stream["Properties"]


def test_each_named_consumer_is_registered_for_fan_out(configured: Configured) -> None:
    synthesis = configured(stream={"consumers": ["alerts", "replay"]})
    consumers = [
        consumer["Properties"] for consumer in synthesis.resources("AWS::Kinesis::StreamConsumer")
    ]
    assert [consumer["ConsumerName"] for consumer in consumers] == ["alerts", "replay"]
    assert all("Fn::GetAtt" in consumer["StreamARN"] for consumer in consumers)


def test_records_are_kept_as_they_came_only_where_asked(
    configured: Configured, dev: Synthesis
) -> None:
    assert "S3BackupConfiguration" not in destination(dev)
    synthesis = configured(delivery={"source_backup_days": 14, "buffer_seconds": 60})
    kept = destination(synthesis)
    assert kept["S3BackupMode"] == "Enabled"
    backup = kept["S3BackupConfiguration"]
    assert (backup["Prefix"], backup["CompressionFormat"]) == ("source-records/", "GZIP")
    assert backup["RoleARN"] == kept["RoleARN"]
    [bucket] = [
        bucket["Properties"]
        for bucket in synthesis.resources("AWS::S3::Bucket")
        if "NotificationConfiguration" in bucket["Properties"]
    ]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["source-records"]["ExpirationInDays"] == 14


def test_delivery_may_write_what_it_keeps(configured: Configured) -> None:
    synthesis = configured(delivery={"source_backup_days": 14})
    written = [
        resource["Fn::Join"][1][-1]
        for policy in synthesis.resources("AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "s3:PutObject" in statement["Action"]
        for resource in listed(statement["Resource"])
    ]
    assert "/source-records/*" in written


def processor(synthesis: Synthesis) -> JsonObject:
    """The parameters of the one processor of the delivery stream, by name."""
    processing = destination(synthesis)["ProcessingConfiguration"]
    assert processing["Enabled"] is True
    [only] = processing["Processors"]
    assert only["Type"] == "Lambda"
    return {entry["ParameterName"]: entry["ParameterValue"] for entry in only["Parameters"]}


def transform_function(synthesis: Synthesis) -> tuple[str, JsonObject]:
    [found] = [
        (logical_id, resource["Properties"])
        for logical_id, resource in synthesis.documents[StackRole.INGESTION]["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
        and resource["Properties"]["Handler"].startswith("lambda_src.")
    ]
    return found


def test_no_function_stands_between_stream_and_lake_unless_asked(synthesis: Synthesis) -> None:
    assert "ProcessingConfiguration" not in destination(synthesis)


def test_the_transformation_is_called_as_configured(configured: Configured) -> None:
    synthesis = configured(
        delivery={
            "transform": True,
            "transform_misfits": "drop",
            "transform_buffer_seconds": 30,
            "transform_buffer_mib": 2,
            "transform_retries": 5,
        }
    )
    function_id, function = transform_function(synthesis)
    parameters = processor(synthesis)
    assert parameters["LambdaArn"] == {"Fn::GetAtt": [function_id, "Arn"]}
    assert parameters["RoleArn"] == destination(synthesis)["RoleARN"]
    assert (
        parameters["BufferIntervalInSeconds"],
        parameters["BufferSizeInMBs"],
        parameters["NumberOfRetries"],
    ) == ("30", "2", "5")
    assert function["Environment"]["Variables"] == {
        "TIDELAKE_ENVIRONMENT": "dev",
        "TIDELAKE_MISFITS": "drop",
    }


def test_delivery_may_call_its_function_alone_which_may_write_its_log_alone(
    configured: Configured,
) -> None:
    synthesis = configured(delivery={"transform": True})
    function_id, function = transform_function(synthesis)
    statements = {
        policy["Properties"]["Roles"][0]["Ref"]: policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in synthesis.resources("AWS::IAM::Policy")
    }
    [calling] = [
        statement
        for policy in statements.values()
        for statement in policy
        if "lambda:InvokeFunction" in statement["Action"]
    ]
    assert calling["Resource"] == {"Fn::GetAtt": [function_id, "Arn"]}
    [writing] = statements[function["Role"]["Fn::GetAtt"][0]]
    assert writing["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_a_stream_without_delivery_takes_large_records_and_delivers_none(
    configured: Configured,
) -> None:
    synthesis = configured(
        stream={"maximum_record_kib": 10_240, "consumers": ["own"]}, delivery={"enabled": False}
    )
    [stream] = synthesis.resources("AWS::Kinesis::Stream")
    assert stream["Properties"]["MaxRecordSizeInKiB"] == 10_240
    assert synthesis.resources("AWS::KinesisFirehose::DeliveryStream") == []


def test_a_stream_takes_records_of_the_default_size_by_default(synthesis: Synthesis) -> None:
    [stream] = synthesis.resources("AWS::Kinesis::Stream")
    assert "MaxRecordSizeInKiB" not in stream["Properties"]
