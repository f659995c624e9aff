"""The Lambda consumer, where it is configured."""

from __future__ import annotations

from aws_cdk.assertions import Match

from tests.infra.conftest import Configured, Synthesis
from tidelake.contract.deployment import StackRole


def test_no_function_reads_the_stream_unless_it_is_asked_for(synthesis: Synthesis) -> None:
    template = synthesis.template(StackRole.INGESTION)
    template.resource_count_is("AWS::Lambda::EventSourceMapping", 0)


def test_mapping_bears_every_option(configured: Configured) -> None:
    synthesis = configured(
        consumer_function={
            "enabled": True,
            "batch_size": 1_000,
            "batching_window_seconds": 7,
            "parallelization_factor": 3,
            "bisect_on_error": True,
            "retry_attempts": 4,
            "maximum_record_age_seconds": 120,
            "starting_position": "trim_horizon",
        }
    )
    synthesis.template(StackRole.INGESTION).has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "EventSourceArn": Match.any_value(),
            "BatchSize": 1_000,
            "MaximumBatchingWindowInSeconds": 7,
            "ParallelizationFactor": 3,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 4,
            "MaximumRecordAgeInSeconds": 120,
            "StartingPosition": "TRIM_HORIZON",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": Match.any_value()}},
        },
    )


def test_records_that_are_set_aside_raise_an_alarm(configured: Configured) -> None:
    synthesis = configured(consumer_function={"enabled": True})
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Threshold": 0,
            "AlarmDescription": Match.string_like_regexp("hold no event"),
        },
    )


def test_function_may_read_the_stream_and_no_other_resource_of_kinesis(
    configured: Configured,
) -> None:
    synthesis = configured(consumer_function={"enabled": True})
    statements = [
        statement
        for policy in synthesis.resources("AWS::IAM::Policy")
        if "CounterCount" in str(policy["Properties"]["PolicyName"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if any("kinesis:" in action for action in statement["Action"])
    ]
    [statement] = statements
    assert sorted(statement["Action"]) == [
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ]
    assert "*" not in str(statement["Resource"])
