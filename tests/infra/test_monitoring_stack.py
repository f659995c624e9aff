"""Who watches: alarms that can go off, and a topic that they can reach."""

from __future__ import annotations

from aws_cdk.assertions import Match

from stacks.template_references import rendered
from tests.infra.conftest import Configured, JsonObject, Synthesis
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
        "ApproximateAgeOfOldestMessage": ("GreaterThanThreshold", 600),
        "ApproximateNumberOfMessagesVisible": ("GreaterThanThreshold", 0),
        "MatchedEvents": ("GreaterThanThreshold", 0),
    }


def test_a_failed_step_raises_an_alarm_by_the_rule_that_its_event_matches(dev: Synthesis) -> None:
    resources = dev.documents[StackRole.MONITORING]["Resources"]
    [rule_id] = [
        name for name, resource in resources.items() if resource["Type"] == "AWS::Events::Rule"
    ]
    assert alarms(dev)["MatchedEvents"]["Dimensions"] == [
        {"Name": "RuleName", "Value": {"Ref": rule_id}}
    ]


def test_one_alarm_stands_for_the_whole_pipeline(synthesis: Synthesis) -> None:
    [composite] = synthesis.resources("AWS::CloudWatch::CompositeAlarm")
    rule, references = rendered(composite["Properties"]["AlarmRule"])
    assert rule.startswith("(ALARM(")
    assert rule.count(" OR ") == 9
    named = {reference["Fn::GetAtt"][0] for reference in references.values()}
    resources = synthesis.documents[StackRole.MONITORING]["Resources"]
    assert named == {
        name for name, entry in resources.items() if entry["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert len(composite["Properties"]["AlarmActions"]) == 1


def test_the_dashboard_finds_shards_by_search(dev: Synthesis) -> None:
    [dashboard] = dev.resources("AWS::CloudWatch::Dashboard")
    text, _ = rendered(dashboard["Properties"]["DashboardBody"])
    assert "SEARCH('{AWS/Kinesis,ShardId,StreamName} MetricName" in text
    assert "ConsumerName" not in text


def test_the_dashboard_shows_registered_readers(configured: Configured) -> None:
    [dashboard] = configured(stream={"consumers": ["alerts"]}).resources(
        "AWS::CloudWatch::Dashboard"
    )
    text, _ = rendered(dashboard["Properties"]["DashboardBody"])
    assert "SEARCH('{AWS/Kinesis,ConsumerName,StreamName} MetricName" in text


def test_a_stream_without_metrics_of_shards_gets_no_empty_graph(configured: Configured) -> None:
    [dashboard] = configured(stream={"shard_level_metrics": []}).resources(
        "AWS::CloudWatch::Dashboard"
    )
    text, _ = rendered(dashboard["Properties"]["DashboardBody"])
    assert "ShardId" not in text


def test_alarms_link_to_their_part_of_the_runbook(configured: Configured) -> None:
    synthesis = configured(monitoring={"runbook_url": "https://wiki.example.org/tidelake"})
    assert alarms(synthesis)["Errors"]["AlarmDescription"].endswith(
        " Runbook: https://wiki.example.org/tidelake#triggerfailing"
    )


def test_alarms_are_posted_to_each_configured_url(configured: Configured) -> None:
    synthesis = configured(monitoring={"alarm_urls": ["https://pager.example.org/in"]})
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::SNS::Subscription",
        {"Protocol": "https", "Endpoint": "https://pager.example.org/in"},
    )


def test_a_failed_step_is_told_to_the_topic(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.emr"],
                "detail-type": ["EMR Step Status Change"],
                "detail": {
                    "clusterId": [Match.any_value()],
                    "state": ["FAILED", "CANCELLED", "INTERRUPTED"],
                },
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


def test_each_configured_address_is_written_to(configured: Configured) -> None:
    synthesis = configured(monitoring={"alarm_emails": ["ops@example.org"]})
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "ops@example.org"}
    )
