"""The way on: network, cluster and trigger."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from aws_cdk.assertions import Match

from tests.infra.conftest import Configured, JsonObject, Synthesis, listed
from tidelake.contract.deployment import StackRole
from tidelake.contract.settings import StepOutcomeSettings, StepTriggerSettings, SweepSettings


def only(synthesis: Synthesis, resource_type: str) -> JsonObject:
    [resource] = synthesis.resources(resource_type)
    properties: JsonObject = resource["Properties"]
    return properties


def statements_of(synthesis: Synthesis, policy_id: str) -> list[JsonObject]:
    """The statements of the policy whose logical id starts so."""
    [found] = [
        resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in synthesis.documents[StackRole.PROCESSING]["Resources"].items()
        if resource["Type"] == "AWS::IAM::Policy" and name.startswith(policy_id)
    ]
    statements: list[JsonObject] = found
    return statements


def test_every_job_is_shipped_and_the_nodes_may_fetch_it(synthesis: Synthesis) -> None:
    outputs = synthesis.documents[StackRole.PROCESSING]["Outputs"]
    fetched = json.dumps(statements_of(synthesis, "SparkNodeRole"))
    for job in ("SparkJobUrl", "SparkBackfillUrl", "SparkAggregateUrl", "SparkSharedCodeUrl"):
        asset = outputs[job]["Value"]["Fn::Sub"].rsplit("/", 1)[-1]
        assert f"/{asset}" in fetched, job


def environment_of(synthesis: Synthesis, package: str) -> JsonObject:
    """The environment variables of one function."""
    [found] = [
        function["Properties"]["Environment"]["Variables"]
        for function in synthesis.resources("AWS::Lambda::Function")
        if function["Properties"]["Handler"] == f"lambda_src.{package}.handler.handler"
    ]
    variables: JsonObject = found
    return variables


def test_cluster_runs_spark_hadoop_and_hive_of_one_release(persistent: Synthesis) -> None:
    cluster = only(persistent, "AWS::EMR::Cluster")
    assert cluster["ReleaseLabel"] == "emr-7.13.0"
    assert [entry["Name"] for entry in cluster["Applications"]] == ["Hadoop", "Hive", "Spark"]


def test_cluster_outlives_its_steps(persistent: Synthesis) -> None:
    cluster = only(persistent, "AWS::EMR::Cluster")
    assert cluster["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert "AutoTerminationPolicy" not in cluster


def test_core_nodes_are_on_demand(persistent: Synthesis) -> None:
    instances = only(persistent, "AWS::EMR::Cluster")["Instances"]
    assert instances["CoreInstanceGroup"]["Market"] == "ON_DEMAND"
    assert instances["MasterInstanceGroup"]["Market"] == "ON_DEMAND"


def test_spark_knows_the_iceberg_catalog_of_the_lake(persistent: Synthesis) -> None:
    classifications = {
        entry["Classification"]: entry["ConfigurationProperties"]
        for entry in only(persistent, "AWS::EMR::Cluster")["Configurations"]
    }
    assert classifications["iceberg-defaults"] == {"iceberg.enabled": "true"}
    defaults = classifications["spark-defaults"]
    assert defaults["spark.sql.catalog.lake"] == "org.apache.iceberg.spark.SparkCatalog"
    assert defaults["spark.sql.catalog.lake.catalog-impl"] == (
        "org.apache.iceberg.aws.glue.GlueCatalog"
    )
    assert defaults["spark.sql.catalog.lake.warehouse"]["Fn::Join"][1][-1] == "/processed-data"
    assert defaults["spark.pyspark.python"] == "/usr/bin/python3.11"


def test_cluster_keeps_its_logs_in_the_lake(persistent: Synthesis) -> None:
    assert only(persistent, "AWS::EMR::Cluster")["LogUri"]["Fn::Join"][1][-1] == "/emr-logs/"


def test_steps_run_one_at_a_time_by_default(persistent: Synthesis) -> None:
    assert only(persistent, "AWS::EMR::Cluster")["StepConcurrencyLevel"] == 1


def test_cluster_scales_where_the_most_exceeds_the_fewest(
    syntheses: dict[str, Synthesis],
) -> None:
    limits = {
        environment: only(syntheses[environment], "AWS::EMR::Cluster").get("ManagedScalingPolicy")
        for environment in ("local", "prod")
    }
    assert limits == {
        "local": None,
        "prod": {
            "ComputeLimits": {
                "UnitType": "Instances",
                "MinimumCapacityUnits": 2,
                "MaximumCapacityUnits": 10,
            }
        },
    }


def test_cluster_refuses_termination_in_prod(
    prod: Synthesis, syntheses: dict[str, Synthesis]
) -> None:
    assert only(prod, "AWS::EMR::Cluster")["Instances"]["TerminationProtected"] is True
    local = only(syntheses["local"], "AWS::EMR::Cluster")
    assert local["Instances"]["TerminationProtected"] is False


def test_emr_finds_its_tag_on_all_that_it_touches(synthesis: Synthesis) -> None:
    tag = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
    for resource_type in (
        "AWS::EMR::Cluster",  # of dev, see the launch in test_cluster_spec.py
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::EC2::SecurityGroup",
    ):
        for resource in synthesis.resources(resource_type):
            assert tag in resource["Properties"]["Tags"], resource_type


def test_network_has_no_way_to_the_internet(synthesis: Synthesis) -> None:
    for resource_type in (
        "AWS::EC2::InternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::EIP",
    ):
        assert synthesis.resources(resource_type) == []


def test_cluster_reaches_s3_and_dynamodb_by_gateway(synthesis: Synthesis) -> None:
    gateways = [
        endpoint["Properties"]["ServiceName"]["Fn::Join"][1][-1]
        for endpoint in synthesis.resources("AWS::EC2::VPCEndpoint")
        if endpoint["Properties"]["VpcEndpointType"] == "Gateway"
    ]
    assert gateways == [".s3", ".dynamodb"]


def test_cluster_reaches_other_services_by_interface_outside_local(
    syntheses: dict[str, Synthesis],
) -> None:
    services = {
        environment: [
            endpoint["Properties"]["ServiceName"]["Fn::Join"][1][-1]
            for endpoint in synthesis.resources("AWS::EC2::VPCEndpoint")
            if endpoint["Properties"]["VpcEndpointType"] == "Interface"
        ]
        for environment, synthesis in syntheses.items()
    }
    expected = [
        *(".elasticmapreduce", ".glue", ".kms", ".logs"),
        *(".monitoring", ".ssm", ".ssmmessages", ".sts"),
    ]
    assert services == {"local": [], "dev": expected, "prod": expected}


def test_no_security_group_names_another_in_itself(synthesis: Synthesis) -> None:
    # Rules between groups stand apart, or the groups could not be deleted.
    for group in synthesis.resources("AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group["Properties"]
        egress = group["Properties"].get("SecurityGroupEgress", [])
        assert not [rule for rule in egress if "DestinationSecurityGroupId" in rule]


def test_nodes_may_touch_each_zone_only_as_they_need(synthesis: Synthesis) -> None:
    zones: dict[str, set[str]] = {}
    for statement in statements_of(synthesis, "SparkNodeRole"):
        for resource in listed(statement["Resource"]):
            if resource == "*":
                continue
            last = resource.get("Fn::Join", ["", [""]])[1][-1]
            if isinstance(last, str) and last.endswith("/*") and "elasticmap" not in last:
                zones.setdefault(last, set()).update(listed(statement["Action"]))
    written = {zone for zone, actions in zones.items() if "s3:PutObject" in actions}
    read = {zone for zone, actions in zones.items() if "s3:GetObject" in actions}
    deleted = {zone for zone, actions in zones.items() if "s3:DeleteObject" in actions}
    assert written == {"/processed-data/*", "/batch-results/*", "/emr-logs/*"}
    assert read == {"/streaming-data/*", "/manifests/*", "/processed-data/*"}
    assert deleted == {"/processed-data/*"}


def test_nodes_may_not_change_or_drop_the_raw_table(synthesis: Synthesis) -> None:
    [denied] = [
        statement
        for statement in statements_of(synthesis, "SparkNodeRole")
        if statement["Effect"] == "Deny"
    ]
    assert denied["Action"] == ["glue:CreateTable", "glue:DeleteTable", "glue:UpdateTable"]
    assert denied["Resource"]["Fn::Join"][1][-1].endswith("/log_events")


def test_nodes_may_open_sessions_and_read_no_parameter(synthesis: Synthesis) -> None:
    actions = {
        action
        for statement in statements_of(synthesis, "SparkNodeRole")
        for action in listed(statement["Action"])
        if action.startswith(("ssm", "ec2messages"))
    }
    assert actions == {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }


def test_emr_may_pass_the_node_role_to_ec2_alone(synthesis: Synthesis) -> None:
    [statement] = [
        statement
        for statement in statements_of(synthesis, "SparkServiceRole")
        if statement["Action"] == "iam:PassRole"
    ]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    assert "Fn::GetAtt" in statement["Resource"]


def test_only_new_objects_of_the_raw_zone_reach_the_queue(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.PROCESSING).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [Match.any_value()]},
                    "object": {"key": [{"prefix": "streaming-data/"}]},
                },
            },
            "Targets": [Match.object_like({"DeadLetterConfig": Match.any_value()})],
        },
    )


def test_queues_are_encrypted(synthesis: Synthesis) -> None:
    queues = synthesis.resources("AWS::SQS::Queue")
    assert [queue["Properties"]["SqsManagedSseEnabled"] for queue in queues] == [True, True]


def test_waiting_alone_makes_no_dead_letter_while_the_queue_keeps_the_message(
    synthesis: Synthesis,
) -> None:
    synthesis.template(StackRole.PROCESSING).has_resource_properties(
        "AWS::SQS::Queue",
        {"RedrivePolicy": {"maxReceiveCount": 1_000}, "MessageRetentionPeriod": 1_209_600},
    )
    trigger = environment_of(synthesis, "step_trigger")
    assert trigger["TIDELAKE_LONGEST_DEFERRAL_SECONDS"] == "1800"


def test_an_event_stays_hidden_for_six_time_limits_and_a_window(dev: Synthesis) -> None:
    dev.template(StackRole.PROCESSING).has_resource_properties(
        "AWS::SQS::Queue", {"VisibilityTimeout": 420}
    )


def test_trigger_is_handed_batches_and_reports_single_failures(dev: Synthesis) -> None:
    mapping = only(dev, "AWS::Lambda::EventSourceMapping")
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (1_000, 60)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_trigger_runs_its_handler_on_python_3_13(synthesis: Synthesis) -> None:
    synthesis.template(StackRole.PROCESSING).has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Runtime": "python3.13",
            "Handler": "lambda_src.step_trigger.handler.handler",
            "LoggingConfig": {"LogGroup": {"Ref": Match.any_value()}},
        },
    )


@pytest.mark.parametrize(
    ("package", "settings"),
    [
        ("step_trigger", StepTriggerSettings),
        ("step_outcome", StepOutcomeSettings),
        ("sweep", SweepSettings),
    ],
)
def test_each_function_is_told_all_that_it_reads(
    package: str, settings: type, dev: Synthesis
) -> None:
    variables = environment_of(dev, package)
    assert sorted(variables) == sorted(f"TIDELAKE_{f.name.upper()}" for f in fields(settings))
    assert variables["TIDELAKE_ENVIRONMENT"] == "dev"


def test_invocation_ends_before_its_lease_and_the_lease_before_the_message_is_seen_again(
    synthesis: Synthesis,
) -> None:
    lease = int(environment_of(synthesis, "step_trigger")["TIDELAKE_LEASE_SECONDS"])
    [timeout] = [
        function["Properties"]["Timeout"]
        for function in synthesis.resources("AWS::Lambda::Function")
        if "step_trigger" in function["Properties"]["Handler"]
    ]
    [hidden] = [
        queue["Properties"]["VisibilityTimeout"]
        for queue in synthesis.resources("AWS::SQS::Queue")
        if "VisibilityTimeout" in queue["Properties"]
    ]
    assert timeout < lease < hidden


def test_trigger_may_add_steps_to_this_cluster_alone(persistent: Synthesis) -> None:
    [statement] = [
        statement
        for statement in statements_of(persistent, "TriggerSubmitRole")
        if "elasticmapreduce:AddJobFlowSteps" in statement["Action"]
    ]
    assert statement["Action"] == [
        "elasticmapreduce:AddJobFlowSteps",
        "elasticmapreduce:DescribeCluster",
    ]
    assert statement["Resource"]["Fn::Join"][1][-2] == ":cluster/"
    assert "Ref" in statement["Resource"]["Fn::Join"][1][-1]
    text = json.dumps(statements_of(persistent, "TriggerSubmitRole"))
    assert "RunJobFlow" not in text
    assert "PassRole" not in text


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("TriggerSubmitRole", "elasticmapreduce:ListSteps"),
        ("BatchesOutcomeRole", "elasticmapreduce:DescribeStep"),
        ("BatchesSweepRole", "elasticmapreduce:DescribeStep"),
    ],
)
def test_steps_of_a_cluster_that_was_replaced_may_still_be_looked_up(
    role: str, action: str, synthesis: Synthesis
) -> None:
    [statement] = [s for s in statements_of(synthesis, role) if action in listed(s["Action"])]
    assert statement["Resource"]["Fn::Join"][1][-1] == ":cluster/*"
    assert statement["Condition"] == {
        "StringEquals": {"aws:ResourceTag/Environment": synthesis.environment}
    }


def test_what_a_cluster_that_was_replaced_tells_at_its_end_is_heard(persistent: Synthesis) -> None:
    told = [
        rule["Properties"]["EventPattern"]["detail"]
        for rule in persistent.documents[StackRole.PROCESSING]["Resources"].values()
        if rule["Type"] == "AWS::Events::Rule"
        and rule["Properties"].get("EventPattern", {}).get("source") == ["aws.emr"]
    ]
    assert len(told) == 2
    assert all("clusterId" not in detail for detail in told)


def test_trigger_on_demand_may_launch_and_feed_clusters_of_its_environment_alone(
    dev: Synthesis,
) -> None:
    by_sid = {s.get("Sid"): s for s in statements_of(dev, "TriggerSubmitRole")}
    assert by_sid["LaunchCluster"]["Condition"] == {
        "StringEquals": {"aws:RequestTag/Environment": "dev"}
    }
    assert by_sid["SubmitSteps"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/Environment": "dev"}
    }
    for sid, service in (
        ("GiveServiceItsRole", "elasticmapreduce.amazonaws.com"),
        ("GiveNodesTheirRole", "ec2.amazonaws.com"),
    ):
        assert by_sid[sid]["Condition"] == {"StringEquals": {"iam:PassedToService": service}}
        assert "Fn::GetAtt" in by_sid[sid]["Resource"]


def test_trigger_may_launch_the_first_cluster_of_an_account_and_have_it_end_itself(
    dev: Synthesis,
) -> None:
    by_sid = {s.get("Sid"): s for s in statements_of(dev, "TriggerSubmitRole")}
    linked = by_sid["MakeLinkedRole"]
    assert linked["Action"] == "iam:CreateServiceLinkedRole"
    assert linked["Resource"]["Fn::Join"][1][-1] == (
        ":role/aws-service-role/elasticmapreduce.amazonaws.com/AWSServiceRoleForEMRCleanup"
    )
    assert linked["Condition"] == {
        "StringEquals": {"iam:AWSServiceName": "elasticmapreduce.amazonaws.com"}
    }
    # A cluster that is being launched has no tags yet; one of another environment has.
    ending = by_sid["EndIdleCluster"]
    assert ending["Action"] == "elasticmapreduce:PutAutoTerminationPolicy"
    assert ending["Condition"] == {"StringEqualsIfExists": {"aws:ResourceTag/Environment": "dev"}}


def test_emr_may_pass_the_role_of_own_rules_to_what_applies_them(configured: Configured) -> None:
    synthesis = configured(
        cluster={"scaling": "yarn_memory", "core_instances": 2, "maximum_instances": 10}
    )
    passed = {
        statement["Condition"]["StringEquals"]["iam:PassedToService"]: statement["Resource"]
        for statement in statements_of(synthesis, "SparkServiceRole")
        if statement["Action"] == "iam:PassRole"
    }
    assert set(passed) == {"ec2.amazonaws.com", "application-autoscaling.amazonaws.com"}
    rules, _ = passed["application-autoscaling.amazonaws.com"]["Fn::GetAtt"]
    assert rules.startswith("SparkScalingRole")


def test_emr_may_buy_the_first_spot_nodes_of_an_account(
    configured: Configured, prod: Synthesis
) -> None:
    def linked(synthesis: Synthesis) -> list[str]:
        return [
            statement["Condition"]["StringEquals"]["iam:AWSServiceName"]
            for statement in statements_of(synthesis, "SparkServiceRole")
            if statement["Action"] == "iam:CreateServiceLinkedRole"
        ]

    spot = configured(cluster={"task_instances": 1, "maximum_instances": 4})
    assert linked(spot) == ["spot.amazonaws.com"]
    assert linked(prod) == []


def test_batches_survive_stack_deletion_in_prod_alone(prod: Synthesis, dev: Synthesis) -> None:
    def table(synthesis: Synthesis) -> JsonObject:
        [found] = synthesis.resources("AWS::DynamoDB::Table")
        return found

    kept, gone = table(prod), table(dev)
    assert (kept["DeletionPolicy"], gone["DeletionPolicy"]) == ("Retain", "Delete")
    recovery = "PointInTimeRecoverySpecification"
    assert kept["Properties"][recovery] == {"PointInTimeRecoveryEnabled": True}
    assert kept["Properties"]["DeletionProtectionEnabled"] is True
    for found in (kept, gone):
        assert found["Properties"]["SSESpecification"]["SSEType"] == "KMS"
        assert found["Properties"]["TimeToLiveSpecification"] == {
            "AttributeName": "expires_at",
            "Enabled": True,
        }


def test_batches_are_followed_on_events_and_on_a_schedule(synthesis: Synthesis) -> None:
    rules = [
        rule["Properties"]
        for rule in synthesis.documents[StackRole.PROCESSING]["Resources"].values()
        if rule["Type"] == "AWS::Events::Rule"
    ]
    steps = [
        rule["EventPattern"]["detail"]
        for rule in rules
        if rule.get("EventPattern", {}).get("detail-type") == ["EMR Step Status Change"]
    ]
    assert [(detail["name"], detail["state"]) for detail in steps] == [
        (
            [{"prefix": f"{synthesis.environment}/"}],
            ["COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"],
        )
    ]
    assert [r["ScheduleExpression"] for r in rules if "ScheduleExpression" in r] == [
        "rate(15 minutes)"
    ]


def test_maintenance_is_asked_for_through_the_queue_of_the_trigger(
    configured: Configured,
) -> None:
    synthesis = configured(maintenance={"schedule": "rate(1 days)", "snapshot_days": 3})
    schedule = only(synthesis, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 days)"
    assert schedule["Target"]["Input"] == '{"tidelake": "maintain"}'
    trigger = environment_of(synthesis, "step_trigger")
    assert trigger["TIDELAKE_SNAPSHOT_DAYS"] == "3"
    assert trigger["TIDELAKE_MAINTAIN_URI"]


def test_no_schedule_asks_for_nothing(configured: Configured) -> None:
    synthesis = configured(maintenance={"schedule": ""})
    assert synthesis.resources("AWS::Scheduler::Schedule") == []
    assert environment_of(synthesis, "step_trigger")["TIDELAKE_MAINTAIN_URI"] == ""


def test_trigger_may_write_manifests_and_read_no_object(synthesis: Synthesis) -> None:
    s3 = [
        statement
        for statement in statements_of(synthesis, "TriggerSubmitRole")
        if any(action.startswith("s3:") for action in statement["Action"])
    ]
    assert [statement["Resource"]["Fn::Join"][1][-1] for statement in s3] == ["/manifests/*"]
    assert not [action for action in s3[0]["Action"] if action.startswith("s3:Get")]
