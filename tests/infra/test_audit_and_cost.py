"""Who reads and writes is recorded where asked, and who pays is warned."""

from __future__ import annotations

from aws_cdk.assertions import Match

from tests.infra.conftest import Configured, JsonObject, Synthesis
from tidelake.contract.deployment import StackRole


def trail(synthesis: Synthesis) -> JsonObject:
    [found] = synthesis.resources("AWS::CloudTrail::Trail")
    properties: JsonObject = found["Properties"]
    return properties


def test_prod_records_who_touches_stream_and_lake(prod: Synthesis) -> None:
    fields = {
        selector["Name"]: {field["Field"]: field for field in selector["FieldSelectors"]}
        for selector in trail(prod)["AdvancedEventSelectors"]
    }
    assert fields["AWS::Kinesis::Stream"]["eventCategory"]["Equals"] == ["Data"]
    [stream] = fields["AWS::Kinesis::Stream"]["resources.ARN"]["Equals"]
    assert prod.documents[StackRole.INGESTION]["Resources"][stream["Fn::GetAtt"][0]]["Type"] == (
        "AWS::Kinesis::Stream"
    )
    # Reading by enhanced fan-out is an event of the consumer.
    [consumers] = fields["AWS::Kinesis::StreamConsumer"]["resources.ARN"]["StartsWith"]
    assert consumers["Fn::Join"][1] == [stream, "/consumer/"]
    [objects] = fields["AWS::S3::Object"]["resources.ARN"]["StartsWith"]
    assert objects["Fn::Join"][1][-1] == "/"


def test_the_audit_log_is_signed_and_encrypted_with_the_lake_key(prod: Synthesis) -> None:
    assert trail(prod)["EnableLogFileValidation"] is True
    assert "Fn::GetStackOutput" in trail(prod)["KMSKeyId"]
    prod.template(StackRole.STORAGE).has_resource_properties(
        "AWS::KMS::Key",
        {
            "KeyPolicy": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Sid": "EncryptAuditLog",
                                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                            }
                        )
                    ]
                )
            }
        },
    )


def test_cloudtrail_is_not_admitted_to_the_key_where_nothing_is_audited(dev: Synthesis) -> None:
    assert dev.resources("AWS::CloudTrail::Trail") == []
    assert "cloudtrail" not in str(dev.resources("AWS::KMS::Key"))


def test_the_audit_log_expires(configured: Configured) -> None:
    synthesis = configured(audit={"data_events": True, "expiry_days": 400})
    rules = [
        rule
        for bucket in synthesis.resources("AWS::S3::Bucket")
        for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    ]
    assert 400 in [rule.get("ExpirationInDays") for rule in rules]


def test_a_budget_warns_every_address_at_80_percent_and_when_100_are_forecast(
    configured: Configured,
) -> None:
    synthesis = configured(
        monitoring={"monthly_budget_usd": 500, "alarm_emails": ["ops@example.org"]}
    )
    [budget] = synthesis.resources("AWS::Budgets::Budget")
    limit = budget["Properties"]["Budget"]
    assert limit["BudgetLimit"] == {"Amount": 500, "Unit": "USD"}
    assert limit["CostFilters"] == {"TagKeyValue": ["user:Environment$dev"]}
    assert [
        (
            entry["Notification"]["NotificationType"],
            entry["Notification"]["Threshold"],
            entry["Subscribers"],
        )
        for entry in budget["Properties"]["NotificationsWithSubscribers"]
    ] == [
        ("ACTUAL", 80, [{"Address": "ops@example.org", "SubscriptionType": "EMAIL"}]),
        ("FORECASTED", 100, [{"Address": "ops@example.org", "SubscriptionType": "EMAIL"}]),
    ]


def test_no_budget_by_default(synthesis: Synthesis) -> None:
    assert synthesis.resources("AWS::Budgets::Budget") == []


def test_a_boundary_bounds_every_role(configured: Configured) -> None:
    synthesis = configured(deployment={"permissions_boundary": "CompanyBoundary"})
    boundaries = [
        role["Properties"]["PermissionsBoundary"]["Fn::Join"][1][-1]
        for role in synthesis.resources("AWS::IAM::Role")
    ]
    # Those of delivery, nodes, EMR, trigger, outcome, sweep, maintenance, and of CDK's function
    # that empties buckets.
    assert boundaries == [":policy/CompanyBoundary"] * 8


def test_assets_go_by_the_qualifier_of_the_bootstrap_stack(configured: Configured) -> None:
    synthesis = configured(deployment={"bootstrap_qualifier": "company"})
    [version] = {
        parameter["Default"]
        for document in synthesis.documents.values()
        for name, parameter in document["Parameters"].items()
        if name == "BootstrapVersion"
    }
    assert version == "/cdk-bootstrap/company/version"
    assert "hnb659fds" not in str(synthesis.documents)
