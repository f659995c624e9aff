"""Who watches: alarms that can go off, and a topic that they can reach."""

from __future__ import annotations

import pytest
from aws_cdk.assertions import Match

from tests.infra.conftest import JsonObject, Synthesis, cdk_context, synthesize
from tidelake.contract.deployment import StackRole


def alarms(synthesis: Synthesis) -> dict[str, JsonObject]:
    """Each alarm's properties, by its metric."""
    properties = [alarm["Properties"] for alarm in synthesis.resources("AWS::CloudWatch::Alarm")]
    return {alarm["MetricName"]: alarm for alarm in properties}


def test_every_alarm_says_what_it_means_and_tells_the_topic(synthesis: Synthesis) -> None:
    for name, alarm in alarms(synthesis).items():
        assert len(alarm["AlarmDescription"]) > 40, name
        assert alarm["TreatMissingData"] == "notBreaching", name
        [action] = alarm["AlarmActions"]
        assert action["Ref"] in synthesis.documents[StackRole.MONITORING]["Resources"]


def test_alarms_cover_every_hop(dev: Synthesis) -> None:
    assert {
        name: (alarm["ComparisonOperator"], alarm["Threshold"])
        for name, alarm in alarms(dev).items()
    } == {
        "WriteProvisionedThroughputExceeded": ("GreaterThanThreshold", 0),
        "GetRecords.IteratorAgeMilliseconds": ("GreaterThanThreshold", 3_600_000),
        "DeliveryToS3.DataFreshness": ("GreaterThanThreshold", 1_800),
        "DeliveryToS3.Success": ("LessThanThreshold", 1),
        "KinesisMillisBehindLatest": ("GreaterThanThreshold", 1_800_000),
        "FailedConversion.Records": ("GreaterThanThreshold", 0),
        "Errors": ("GreaterThanThreshold", 0),
        "ApproximateAgeOfOldestMessage": ("GreaterThanThreshold", 1_800),
        "ApproximateNumberOfMessagesVisible": ("GreaterThanThreshold", 0),
    }


def test_a_failed_step_is_told_to_the_topic(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.emr"],
                "detail-type": ["EMR Step Status Change"],
                "detail": {"clusterId": [Match.any_value()], "state": ["FAILED"]},
            },
            "Targets": [Match.object_like({"Arn": {"Ref": Match.any_value()}})],
        },
    )


def test_topic_is_encrypted_and_takes_tls_only(synthesis: Synthesis) -> None:
    template = synthesis.template(StackRole.MONITORING)
    template.has_resource_properties("AWS::SNS::Topic", {"KmsMasterKeyId": Match.any_value()})
    template.has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Effect": "Deny",
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        )
                    ]
                )
            }
        },
    )


def test_alarms_may_publish_to_their_topic(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        {
                            "Sid": "PublishAlarms",
                            "Effect": "Allow",
                            "Action": "sns:Publish",
                            "Principal": {"Service": "cloudwatch.amazonaws.com"},
                            "Resource": {"Ref": Match.any_value()},
                            "Condition": {
                                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
                            },
                        }
                    ]
                )
            }
        },
    )


def test_each_configured_address_is_written_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    context = cdk_context()
    context["environments"]["dev"]["monitoring"] = {"alarm_emails": ["ops@example.org"]}
    synthesis = synthesize("dev", tmp_path_factory.mktemp("options"), context)
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "ops@example.org"}
    )
