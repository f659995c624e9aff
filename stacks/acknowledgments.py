"""Findings of cdk-nag that stay, each with its reason.

The rule packs run over every environment in the tests: a finding that no entry here explains
fails them, and so does an entry that explains nothing any more. `docs/security.md` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """A finding that stays."""

    rule: str
    """Pack and rule, such as `AwsSolutions-IAM5`."""

    detail: str = ""
    """How the finding's own detail ends, for a rule that names an action or a resource.

    A shell pattern: `[*]` is an asterisk.
    """

    where: tuple[str, ...]
    """Constructs below their stacks; the finding is in one of them, or in a part of it."""

    reason: str

    def explains(self, rule: str, detail: str, path: str) -> bool:
        """Whether this is the finding of `rule`, with `detail`, at `path` below its stack."""
        return (
            rule == self.rule
            and bool(detail) == bool(self.detail)
            and fnmatchcase(detail, f"*{self.detail}")
            and any(is_part(path, place) for place in self.where)
        )


def is_part(path: str, place: str) -> bool:
    """Whether the construct at `path` is the one at `place`, or within it."""
    return f"{path}/".startswith(f"{place}/")


_DELIVERY, _NODES, _SUBMIT = "Delivery/Role", "Spark/NodeRole", "Trigger/Submit/Role"
_FOLLOW = ("Batches/Outcome/Role", "Batches/Sweep/Role")
_FUNCTIONS = (
    "Trigger/Submit/Function",
    "Batches/Outcome/Function",
    "Batches/Sweep/Function",
)
_ZONE = "Objects of a zone are made at run time; the statement reaches this zone alone."


def _resource(ending: str, where: tuple[str, ...], reason: str) -> Acknowledged:
    return Acknowledged(rule="AwsSolutions-IAM5", detail=ending, where=where, reason=reason)


_WILDCARDS = (
    _resource("/streaming-data/[*]", (_DELIVERY, _NODES), _ZONE),
    _resource("/streaming-errors/[*]", (_DELIVERY,), _ZONE),
    _resource("/source-records/[*]", (_DELIVERY,), _ZONE),
    _resource("/manifests/[*]", (_NODES, _SUBMIT, *_FOLLOW), _ZONE),
    _resource("/processed-data/[*]", (_NODES,), _ZONE),
    _resource("/emr-logs/[*]", (_NODES,), _ZONE),
    _resource(
        ".elasticmapreduce/[*]",
        (_NODES,),
        "EMR's own bucket of programs in the region, from which nodes read and nothing more.",
    ),
    _resource("/batch-results/[*]", (_NODES, *_FOLLOW), _ZONE),
    _resource(
        "Resource::[*]",
        (_NODES,),
        "Sessions through Systems Manager: these actions take no narrower resource for a node that "
        "does not exist yet.",
    ),
    _resource(
        ":cluster/[*]",
        (_SUBMIT, *_FOLLOW),
        "A cluster on demand has no id before it is launched, and one that was replaced may have "
        "steps to look up; a condition on the environment's tag narrows it.",
    ),
    _resource(
        "Resource::[*]",
        (_SUBMIT,),
        "Launching a cluster and listing them take no narrower resource; what is launched has to "
        "bear the environment's tag.",
    ),
    _resource(
        ":table/*/[*]",
        (_NODES,),
        "The job makes and owns the curated tables; the statement reaches one database alone.",
    ),
)
_SCALING = (
    _resource(
        ":cluster/[*]",
        ("Spark/ScalingRole",),
        "The cluster has no id yet as its rules are made; a condition on EMR's tag narrows it.",
    ),
    _resource(
        ":alarm:[*]",
        ("Spark/ScalingRole",),
        "EMR names the alarms of its rules itself; the statement lets them be looked up alone.",
    ),
)
_MANAGED_POLICIES = (
    Acknowledged(
        rule="AwsSolutions-IAM4",
        detail="/AmazonEMRServicePolicy_v2",
        where=("Spark/ServiceRole",),
        reason=(
            "EMR supports this policy alone for new clusters; it reaches only what bears EMR's tag."
        ),
    ),
)
_SERVICES = (
    Acknowledged(
        rule="AwsSolutions-KDS3",
        where=("DataStream",),
        reason=(
            "The rule asks for the AWS-managed key; the stream uses the lake's customer key, "
            "whose policy and rotation are in our hands."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-KDF1",
        where=("Delivery/DeliveryStream",),
        reason=(
            "Firehose takes no encryption of its own where a data stream is its source: records "
            "stay under the key of that stream."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-EMR4",
        where=("Spark/Cluster",),
        reason=(
            "The rule looks for the settings outside of EncryptionConfiguration, where EMR has "
            "them; a test asserts that local disks are encrypted with the lake key."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-EMR5",
        where=("Spark/Cluster",),
        reason=(
            "Traffic between nodes needs certificates that only the owner can issue, and is "
            "encrypted once cluster.certificates_uri names them; until then it stays in subnets "
            "without a way to the internet."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-EMR6",
        where=("Spark/Cluster",),
        reason=(
            "Nobody logs in by key pair: sessions go through Systems Manager, which knows each "
            "person by IAM and needs no open port."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-L1",
        where=("Counter/Count/Function", "Transform/Check/Function", *_FUNCTIONS),
        reason=(
            "The function runs on Python 3.13, which Lambda supports and the tests run; a newer "
            "runtime is taken when the tests run on it."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-SQS3",
        where=("Counter/Failures",),
        reason=(
            "It is itself where records end that could not be read; an alarm watches it and nobody "
            "takes messages from it but by hand."
        ),
    ),
    Acknowledged(
        rule="AwsSolutions-VPC7",
        where=("Network/Vpc",),
        reason=(
            "The log of connections costs by volume and is an option, network.flow_log_days, "
            "which is on in prod."
        ),
    ),
)
_BATCHES = (
    Acknowledged(
        rule="AwsSolutions-DDB3",
        where=("Batches/Table",),
        reason=(
            "Where data is retained, so is this table, with point-in-time recovery; elsewhere it "
            "goes with its stack, and without it nothing is lost but taken again."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-DynamoDBInBackupPlan",
        where=("Batches/Table",),
        reason=(
            "Point-in-time recovery is on; the table says what was taken in the last weeks, so an "
            "older backup of it would be of no use."
        ),
    ),
)
_AUDIT = tuple(
    Acknowledged(
        rule=rule,
        where=("Audit/Logs",),
        reason=(
            "The audit log is written by CloudTrail alone, which signs its files: a change shows "
            "without a log of the log."
        ),
    )
    for rule in ("AwsSolutions-S1", "NIST.800.53.R5-S3BucketLoggingEnabled")
)
_NIST = (
    Acknowledged(
        rule="NIST.800.53.R5-CloudTrailCloudWatchLogsEnabled",
        where=("Audit/Trail",),
        reason=(
            "The trail holds data events, one for each call, which would cost again as much in "
            "CloudWatch Logs; they are for questions afterwards and lie in S3, encrypted."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-S3BucketReplicationEnabled",
        where=("Audit/Logs", "Lake/AccessLogs", "Lake/Bucket"),
        reason=(
            "A copy in another region is a decision of whoever owns the data, on cost and law; "
            "versions guard against deletion within the region."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-S3DefaultEncryptionKMS",
        where=("Lake/AccessLogs",),
        reason=(
            "S3 delivers server access logs to no bucket whose default encryption is by a KMS "
            "key; S3's own keys encrypt it."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-IAMNoInlinePolicy",
        where=(
            _DELIVERY,
            "Network/Vpc/FlowLogRole",
            "Maintenance/Role",
            "Spark",
            _SUBMIT,
            *_FOLLOW,
        ),
        reason=(
            "CDK's grants write policies that belong to one role each and go with it; none is "
            "for sharing."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-VPCDefaultSecurityGroupClosed",
        where=("Network/Vpc",),
        reason=(
            "Nothing uses the default group, and the VPC has no way to the internet; emptying it "
            "would take a function that may change security groups."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-LambdaConcurrency",
        where=_FUNCTIONS,
        reason=(
            "A reservation takes from what all functions of the account share; batches of one "
            "queue keep this function to few instances."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-LambdaDLQ",
        where=_FUNCTIONS,
        reason=(
            "The trigger is handed a queue, which has a dead-letter queue; what a failed call of "
            "the others would have done, the next sweep does."
        ),
    ),
    Acknowledged(
        rule="NIST.800.53.R5-LambdaInsideVPC",
        where=_FUNCTIONS,
        reason=(
            "The function calls public AWS endpoints by TLS and nothing in the VPC; within, it "
            "would need interface endpoints and network interfaces for no gain."
        ),
    ),
)

ACKNOWLEDGED = (*_WILDCARDS, *_SCALING, *_MANAGED_POLICIES, *_SERVICES, *_BATCHES, *_AUDIT, *_NIST)
