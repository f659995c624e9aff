"""Who watches: alarms that can go off, and a topic that they can reach."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import ANY

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template

from stacks.constructs.cluster_events import ClusterEvents
from stacks.constructs.pipeline_metrics import PipelineMetrics
from stacks.template_references import rendered
from tests.infra.conftest import Configured, JsonObject, Synthesis
from tidelake.contract.deployment import StackRole


def alarms(synthesis: Synthesis) -> dict[str, JsonObject]:
    """Each alarm's properties, by its name: that of its construct."""
    return {
        logical_id.removeprefix("Watch")[:-8]: resource["Properties"]
        for logical_id, resource in synthesis.documents[StackRole.MONITORING]["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def dashboard(synthesis: Synthesis) -> str:
    [found] = synthesis.resources("AWS::CloudWatch::Dashboard")
    text, _ = rendered(found["Properties"]["DashboardBody"])
    return text


def rule(synthesis: Synthesis, detail_type: str) -> tuple[str, JsonObject]:
    """The logical id and the pattern of the rule for such events of EMR."""
    [found] = [
        (logical_id, resource["Properties"]["EventPattern"])
        for logical_id, resource in synthesis.documents[StackRole.MONITORING]["Resources"].items()
        if resource["Type"] == "AWS::Events::Rule"
        and resource["Properties"]["EventPattern"]["detail-type"] == [detail_type]
    ]
    return found


def test_every_alarm_says_what_it_means_and_tells_the_topic(synthesis: Synthesis) -> None:
    for name, alarm in alarms(synthesis).items():
        assert len(alarm["AlarmDescription"]) > 40, name
        assert alarm["TreatMissingData"] == "notBreaching", name
        [action] = alarm["AlarmActions"]
        assert action["Ref"] in synthesis.documents[StackRole.MONITORING]["Resources"]


def test_alarms_cover_every_hop(dev: Synthesis) -> None:
    above, below = "GreaterThanThreshold", "LessThanThreshold"
    assert {
        name: (alarm["MetricName"], alarm["ComparisonOperator"], alarm["Threshold"])
        for name, alarm in alarms(dev).items()
    } == {
        "WriteThrottled": ("WriteProvisionedThroughputExceeded", above, 0),
        "RecordsUnread": ("GetRecords.IteratorAgeMilliseconds", above, 3_600_000),
        "DeliveryStale": ("DeliveryToS3.DataFreshness", above, 1_800),
        "DeliveryFailing": ("DeliveryToS3.Success", below, 1),
        "DeliveryBehind": ("KinesisMillisBehindLatest", above, 1_800_000),
        "ConversionFailing": ("FailedConversion.Records", above, 0),
        "TriggerFailing": ("Errors", above, 0),
        "OutcomeFailing": ("Errors", above, 0),
        "SweepFailing": ("Errors", above, 0),
        "ObjectsUntaken": ("ApproximateAgeOfOldestMessage", above, 600),
        "DeadLetters": ("ApproximateNumberOfMessagesVisible", above, 0),
        "StepsFailing": ("MatchedEvents", above, 0),
        "ClusterEnded": ("MatchedEvents", above, 0),
        "BatchesSetAside": ("BatchesSetAside", above, 0),
        "BatchesOverdue": ("BatchesOverdue", above, 0),
        "ObjectsForgotten": ("ObjectsForgotten", above, 0),
        "ObjectsUnreadable": ("ObjectsUnreadable", above, 0),
        "ClusterUnavailable": ("ClusterUnavailable", above, 0),
        "ClustersFailed": ("ClustersFailed", above, 0),
    }


def test_an_alarm_on_an_own_count_reads_this_environment_alone(synthesis: Synthesis) -> None:
    alarm = alarms(synthesis)["ObjectsForgotten"]
    assert alarm["Namespace"] == "Tidelake"
    assert alarm["Dimensions"] == [{"Name": "Environment", "Value": synthesis.environment}]


def test_records_that_the_transformation_stops_raise_alarms(configured: Configured) -> None:
    without, checked = alarms(configured()), alarms(configured(delivery={"transform": True}))
    assert {
        name: (checked[name]["Namespace"], checked[name]["MetricName"])
        for name in checked.keys() - without.keys()
    } == {
        "TransformFailing": ("AWS/Firehose", "ExecuteProcessing.Success"),
        "RecordsRejected": ("Tidelake", "RecordsRejected"),
        "RecordsOverLimit": ("Tidelake", "RecordsOverLimit"),
    }


def test_a_stream_without_delivery_has_neither_alarm_nor_row_of_it(configured: Configured) -> None:
    synthesis = configured(delivery={"enabled": False})
    assert not [name for name in alarms(synthesis) if name.startswith(("Delivery", "Conversion"))]
    assert "AWS/Firehose" not in dashboard(synthesis)


@pytest.mark.parametrize(
    ("alarm", "detail_type"),
    [
        ("StepsFailing", "EMR Step Status Change"),
        ("ClusterEnded", "EMR Cluster State Change"),
    ],
)
def test_what_emr_tells_raises_an_alarm_by_the_rule_that_its_event_matches(
    alarm: str, detail_type: str, dev: Synthesis
) -> None:
    rule_id, _ = rule(dev, detail_type)
    assert alarms(dev)[alarm]["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule_id}}]


def test_one_alarm_stands_for_the_whole_pipeline(synthesis: Synthesis) -> None:
    [composite] = synthesis.resources("AWS::CloudWatch::CompositeAlarm")
    text, references = rendered(composite["Properties"]["AlarmRule"])
    assert text.startswith("(ALARM(")
    assert text.count(" OR ") == 18
    named = {reference["Fn::GetAtt"][0] for reference in references.values()}
    resources = synthesis.documents[StackRole.MONITORING]["Resources"]
    assert named == {
        name for name, entry in resources.items() if entry["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert len(composite["Properties"]["AlarmActions"]) == 1


def test_the_dashboard_finds_shards_by_search(dev: Synthesis) -> None:
    text = dashboard(dev)
    assert "SEARCH('{AWS/Kinesis,ShardId,StreamName} MetricName" in text
    assert "ConsumerName" not in text


def test_the_dashboard_shows_registered_readers(configured: Configured) -> None:
    text = dashboard(configured(stream={"consumers": ["alerts"]}))
    assert "SEARCH('{AWS/Kinesis,ConsumerName,StreamName} MetricName" in text


def test_a_stream_without_metrics_of_shards_gets_no_empty_graph(configured: Configured) -> None:
    assert "ShardId" not in dashboard(configured(stream={"shard_level_metrics": []}))


def test_the_dashboard_has_a_row_for_each_part_that_there_is(configured: Configured) -> None:
    titles = re.findall(
        r'"title":"(\w[\w ]+):', dashboard(configured(delivery={"transform": True}))
    )
    assert list(dict.fromkeys(titles)) == [
        "Data stream",
        "Shards",
        "Delivery",
        "Transformation",
        "Trigger",
        "Steps",
        "Cluster",
        "Ledger",
        "Functions",
        "Cost",
    ]


def test_the_dashboard_shows_every_function_that_there_is(configured: Configured) -> None:
    synthesis = configured(delivery={"transform": True}, consumer_function={"enabled": True})
    functions = [
        resource
        for resource in synthesis.resources("AWS::Lambda::Function")
        if str(resource["Properties"]["Handler"]).startswith("lambda_src.")
    ]
    for name in ("Errors", "Throttles", "Duration"):
        assert dashboard(synthesis).count(f'["AWS/Lambda","{name}","FunctionName"') == len(
            functions
        )


def test_alarms_link_to_their_part_of_the_runbook(configured: Configured) -> None:
    synthesis = configured(monitoring={"runbook_url": "https://wiki.example.org/tidelake"})
    assert alarms(synthesis)["TriggerFailing"]["AlarmDescription"].endswith(
        " Runbook: https://wiki.example.org/tidelake#triggerfailing"
    )


def test_alarms_are_posted_to_each_configured_url(configured: Configured) -> None:
    synthesis = configured(monitoring={"alarm_urls": ["https://pager.example.org/in"]})
    synthesis.template(StackRole.MONITORING).has_resource_properties(
        "AWS::SNS::Subscription",
        {"Protocol": "https", "Endpoint": "https://pager.example.org/in"},
    )


@pytest.mark.parametrize(
    ("detail_type", "states"),
    [
        ("EMR Step Status Change", ["FAILED", "CANCELLED", "INTERRUPTED"]),
        ("EMR Cluster State Change", ["TERMINATED", "TERMINATED_WITH_ERRORS"]),
    ],
)
def test_a_step_that_failed_and_a_cluster_that_ended_are_told_to_the_topic(
    detail_type: str, states: list[str], persistent: Synthesis
) -> None:
    rule_id, pattern = rule(persistent, detail_type)
    assert pattern["detail"] == {"clusterId": [{"Ref": ANY}], "state": states}
    resources = persistent.documents[StackRole.MONITORING]["Resources"]
    [target] = resources[rule_id]["Properties"]["Targets"]
    assert resources[target["Arn"]["Ref"]]["Type"] == "AWS::SNS::Topic"


def test_clusters_that_come_and_go_are_known_by_their_names_and_may_end(tmp_path: Path) -> None:
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "Stack")
    ClusterEvents(
        stack,
        "Emr",
        cluster_id=None,
        cluster_name="tidelake-dev-processing",
        environment="dev",
        topic=sns.Topic(stack, "Topic"),
    )
    patterns = [
        entry["Properties"]["EventPattern"]["detail"]
        for entry in Template.from_stack(stack).find_resources("AWS::Events::Rule").values()
    ]
    assert patterns == [
        {
            "name": [{"prefix": "dev/"}],
            "state": ["FAILED", "CANCELLED", "INTERRUPTED"],
        },
        {"name": ["tidelake-dev-processing"], "state": ["TERMINATED_WITH_ERRORS"]},
    ]


def test_metrics_of_clusters_that_come_and_go_are_searched_for() -> None:
    metrics = PipelineMetrics(
        environment="dev",
        stream_name="stream",
        delivery_stream_name=None,
        cluster_id=None,
        functions={},
        trigger_queue_name="queue",
        dead_letter_queue_name="dead-letters",
        counter_failure_queue_name=None,
        step_failure_rule_name="failed",
        cluster_end_rule_name="ended",
    )
    searched = metrics.cluster("AppsRunning", "Maximum")
    assert isinstance(searched, cloudwatch.SearchExpression)
    assert searched.expression == (
        "SEARCH('{AWS/ElasticMapReduce,JobFlowId} MetricName=\"AppsRunning\"', 'Maximum', 300)"
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


def test_rules_may_publish_to_the_topic_without_a_condition(synthesis: Synthesis) -> None:
    # EventBridge meets none: with one, it would be refused.
    [policy] = synthesis.resources("AWS::SNS::TopicPolicy")
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    [published] = [
        statement
        for statement in statements
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert published.keys() == {"Sid", "Effect", "Action", "Principal", "Resource"}


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
