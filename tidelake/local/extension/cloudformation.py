"""Resource types that MiniStack's CloudFormation lacks and the stacks use, or may soon.

Each sits on its service's own API, so it is there for any client. Some do nothing beyond that:
those are named in `INERT_TYPES` of this package, and shown by the local status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from ministack.services.cloudformation import provisioners

from tidelake.local.extension.emr.resources import emr_types
from tidelake.local.extension.replacing import replace_function, require_functions
from tidelake.local.extension.resource_types import (
    Created,
    LocalApi,
    Properties,
    ResourceType,
    register,
)
from tidelake.local.settings import ACCOUNT, REGION, LocalSettings


def install(settings: LocalSettings) -> None:
    """Add the types to MiniStack in this process; raises LocalAwsError if it does not fit."""
    require_functions(provisioners, "_ec2_sg_permissions")
    api = LocalApi(settings.endpoint)
    register(
        *emr_types(api),
        _composite_alarm(api),
        _stream_consumer(api),
        _named_query(api),
        _security_group_rule(api, "Ingress"),
        _security_group_rule(api, "Egress"),
        _trail(api),
        _budget(api),
        _flow_log(api),
        _restricted_default_group(),
    )
    _accept_metric_math()


def _composite_alarm(api: LocalApi) -> ResourceType:
    def put(name: str, properties: Properties) -> Created:
        api.call("cloudwatch", "PutCompositeAlarm", {**properties, "AlarmName": name})
        return name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"}

    return ResourceType(
        name="AWS::CloudWatch::CompositeAlarm",
        replacing=("AlarmName",),
        create=lambda name, properties: put(properties.get("AlarmName", name), properties),
        update=lambda name, _, new: put(name, new),
        delete=lambda name, _: api.call("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]}),
    )


def _stream_consumer(api: LocalApi) -> ResourceType:
    def create(_: str, properties: Properties) -> Created:
        # A list in templates, a map in the API.
        tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        request = {**properties, "Tags": tags}
        consumer = api.call("kinesis", "RegisterStreamConsumer", request)["Consumer"]
        arn = consumer["ConsumerARN"]
        created = str(consumer["ConsumerCreationTimestamp"])
        return arn, {
            "ConsumerARN": arn,
            "ConsumerName": consumer["ConsumerName"],
            "ConsumerStatus": consumer["ConsumerStatus"],
            "ConsumerCreationTimestamp": created,
            "StreamARN": properties["StreamARN"],
        }

    return ResourceType(
        name="AWS::Kinesis::StreamConsumer",
        replacing=("ConsumerName", "StreamARN"),
        create=create,
        delete=_forgiving(
            lambda arn, _: api.call("kinesis", "DeregisterStreamConsumer", {"ConsumerARN": arn}),
            "ResourceNotFoundException",
        ),
    )


def _named_query(api: LocalApi) -> ResourceType:
    def create(name: str, properties: Properties) -> Created:
        query = api.call("athena", "CreateNamedQuery", {"Name": name, **properties})
        return query["NamedQueryId"], {"NamedQueryId": query["NamedQueryId"]}

    return ResourceType(
        name="AWS::Athena::NamedQuery",
        replacing=("Name", "Database", "Description", "QueryString", "WorkGroup"),
        create=create,
        delete=_forgiving(
            lambda query, _: api.call("athena", "DeleteNamedQuery", {"NamedQueryId": query}),
            "InvalidRequestException",
        ),
    )


def _security_group_rule(api: LocalApi, direction: str) -> ResourceType:
    def request(properties: Properties) -> dict[str, Any]:
        permission = provisioners._ec2_sg_permissions([properties])[0]
        # EC2 refuses empty lists of ranges and of groups.
        given = {key: value for key, value in permission.items() if value != []}
        return {"GroupId": properties["GroupId"], "IpPermissions": [given]}

    def create(name: str, properties: Properties) -> Created:
        api.call("ec2", f"AuthorizeSecurityGroup{direction}", request(properties))
        return name, {"Id": name}

    def delete(_: str, properties: Properties) -> None:
        api.call("ec2", f"RevokeSecurityGroup{direction}", request(properties))

    return ResourceType(
        name=f"AWS::EC2::SecurityGroup{direction}",
        create=create,
        delete=_forgiving(delete, "InvalidGroup.NotFound", "InvalidPermission.NotFound"),
    )


def _trail(api: LocalApi) -> ResourceType:
    def create(name: str, properties: Properties) -> Created:
        name = properties.get("TrailName", name)
        trail = api.call("cloudtrail", "CreateTrail", {**properties, "Name": name})
        return name, {"Arn": trail["TrailARN"]}

    return ResourceType(
        name="AWS::CloudTrail::Trail",
        create=create,
        update=lambda name, _, new: _updated_trail(api, name, new),
        replacing=("TrailName",),
        delete=_forgiving(
            lambda name, _: api.call("cloudtrail", "DeleteTrail", {"Name": name}),
            "TrailNotFoundException",
        ),
    )


def _updated_trail(api: LocalApi, name: str, properties: Properties) -> Created:
    trail = api.call("cloudtrail", "UpdateTrail", {**properties, "Name": name})
    return name, {"Arn": trail["TrailARN"]}


def _budget(api: LocalApi) -> ResourceType:
    def create(name: str, properties: Properties) -> Created:
        budget = {"BudgetName": name, **properties["Budget"]}
        api.call("budgets", "CreateBudget", {**properties, "AccountId": ACCOUNT, "Budget": budget})
        return budget["BudgetName"], {"Id": budget["BudgetName"]}

    def update(name: str, old: Properties, new: Properties) -> Created | None:
        # The notifications of a budget, and its name, can only be given at its creation.
        if {**old, "Budget": None} != {**new, "Budget": None}:
            return None
        if new["Budget"].get("BudgetName", name) != name:
            return None
        changed = {"AccountId": ACCOUNT, "NewBudget": {"BudgetName": name, **new["Budget"]}}
        api.call("budgets", "UpdateBudget", changed)
        return name, {"Id": name}

    def delete(name: str, _: Properties) -> None:
        api.call("budgets", "DeleteBudget", {"AccountId": ACCOUNT, "BudgetName": name})

    return ResourceType(
        name="AWS::Budgets::Budget",
        create=create,
        update=update,
        delete=_forgiving(delete, "NotFoundException"),
    )


def _flow_log(api: LocalApi) -> ResourceType:
    def create(_: str, properties: Properties) -> Created:
        request = {**properties, "ResourceIds": [properties["ResourceId"]]}
        log_id = api.call("ec2", "CreateFlowLogs", request)["FlowLogIds"][0]
        return log_id, {"Id": log_id}

    return ResourceType(
        name="AWS::EC2::FlowLog",
        create=create,
        delete=_forgiving(
            lambda log_id, _: api.call("ec2", "DeleteFlowLogs", {"FlowLogIds": [log_id]}),
            "InvalidFlowLogId.NotFound",
        ),
    )


def _restricted_default_group() -> ResourceType:
    """CDK's custom resource that empties a VPC's default security group: recorded alone."""
    return ResourceType(
        name="Custom::VpcRestrictDefaultSG",
        create=lambda name, _: (name, {}),
        update=lambda name, _, new: (name, {}),  # noqa: ARG005  the signature is the framework's
        delete=lambda name, properties: None,  # noqa: ARG005  the signature is the framework's
    )


def _forgiving(
    delete: Callable[[str, Properties], object], *codes: str
) -> Callable[[str, Properties], None]:
    """A delete that succeeds where the service says, by one of `codes`, that nothing is there."""

    def delete_if_there(physical_id: str, properties: Properties) -> None:
        try:
            delete(physical_id, properties)
        except ClientError as error:
            if error.response["Error"]["Code"] not in codes:
                raise

    return delete_if_there


def _accept_metric_math() -> None:
    """Let a template declare an alarm on a metric-math expression.

    The alarm is recorded with its expression and stays in INSUFFICIENT_DATA: MiniStack computes
    alarms on single metrics alone.
    """

    def record(name: str, props: Mapping[str, Any]) -> dict[str, Any]:
        if not props.get("Metrics"):
            return dict(original(name, props))
        single = {key: value for key, value in props.items() if key != "Metrics"}
        alarm = dict(original(name, {**single, "MetricName": name, "Namespace": name}))
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions"):
            alarm.pop(key)
        return alarm | {"Metrics": json.loads(json.dumps(props["Metrics"]))}

    original = replace_function(provisioners, "_cw_metric_alarm_record", record)
