"""What may be configured, for one environment: the only reader of the CDK context.

`cdk.json` holds one object for each environment under `context.environments`; what it leaves out
has the default stated here. Limits are those of AWS's service models and documentation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from constructs import Node

from stacks.cluster_config import ClusterConfig
from stacks.options import option, parse
from tidelake.contract.errors import ConfigurationError

DEFAULT_ENVIRONMENT = "dev"

# The retention times that CloudWatch Logs takes (PutRetentionPolicy).
_LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
_MOST_CONSUMERS = 20
_ENDPOINT_SERVICES = (
    *("ec2", "ec2messages", "elasticmapreduce", "glue", "kinesis-streams", "kms", "logs"),
    *("monitoring", "sqs", "ssm", "ssmmessages", "sts"),
)
_CATALOG_NAME = r"[a-z0-9_]{1,255}"
_CATALOG_NAME_TEXT = "1 to 255 lowercase letters, digits and underscores"
_TAG_VALUE = r"[\w .:/=+@-]{1,256}"
_TAG_VALUE_TEXT = "1 to 256 letters, digits, spaces and any of _ . : / = + @ -"


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """The Kinesis data stream."""

    mode: str = option(
        "provisioned",
        "Provisioned by shards, or on demand: 4 MB/s in at first, which follows the load.",
        choices=("provisioned", "on_demand"),
    )
    shards: int = option(
        2,
        "Shards of a provisioned stream; each takes 1 MB/s or 1,000 records/s in and gives "
        "2 MB/s out.",
        minimum=1,
        maximum=10_000,
    )
    retention_hours: int = option(168, "How long records stay readable.", minimum=24, maximum=8_760)
    shard_level_metrics: tuple[str, ...] = option(
        (
            "IncomingBytes",
            "IncomingRecords",
            "WriteProvisionedThroughputExceeded",
            "ReadProvisionedThroughputExceeded",
            "IteratorAgeMilliseconds",
        ),
        "Metrics that are published for each shard, at a price for each.",
        choices=_SHARD_METRICS,
    )
    consumers: tuple[str, ...] = option(
        (),
        "Readers with enhanced fan-out, 2 MB/s of each shard for each of them; at most 20.",
        pattern=r"[a-zA-Z0-9_.-]{1,128}",
        pattern_text="1 to 128 letters, digits and any of _ . -",
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if len(self.consumers) > _MOST_CONSUMERS:
            yield "consumers", list(self.consumers), f"at most {_MOST_CONSUMERS} names"


@dataclass(frozen=True, kw_only=True)
class DeliveryConfig:
    """The Firehose delivery stream; it writes an object at whichever limit comes first."""

    buffer_seconds: int = option(
        300, "Longest time that records wait for their object.", minimum=0, maximum=900
    )
    buffer_mib: int = option(
        128, "Size of the buffer; conversion to Parquet needs 64.", minimum=64, maximum=128
    )
    source_backup_days: int = option(
        0,
        "How long the records are kept as they came, next to their Parquet; 0 keeps none.",
        minimum=0,
        maximum=3_650,
    )


@dataclass(frozen=True, kw_only=True)
class LakeConfig:
    """The lake bucket, and the Glue database with the raw table."""

    database_name: str = option(
        "streaming_db",
        "Glue database; environments that share an account need different ones.",
        pattern=_CATALOG_NAME,
        pattern_text=_CATALOG_NAME_TEXT,
    )
    raw_table_name: str = option(
        "log_events",
        "Glue table of the raw events.",
        pattern=_CATALOG_NAME,
        pattern_text=_CATALOG_NAME_TEXT,
    )
    first_year: int = option(
        2025, "First year of the raw table's partitions.", minimum=2000, maximum=2100
    )
    last_year: int = option(
        2035, "Last year of the raw table's partitions.", minimum=2000, maximum=2100
    )
    raw_infrequent_access_days: int = option(
        90,
        "Age at which raw objects move to infrequent access; S3 takes no less than 30.",
        minimum=30,
        maximum=3_650,
    )
    error_expiry_days: int = option(
        90,
        "Age at which records that Firehose could not deliver are deleted.",
        minimum=1,
        maximum=3_650,
    )
    manifest_expiry_days: int = option(
        365, "Age at which manifests are deleted.", minimum=1, maximum=3_650
    )
    emr_log_expiry_days: int = option(
        30, "Age at which the cluster's logs are deleted.", minimum=1, maximum=3_650
    )
    old_version_expiry_days: int = option(
        30, "How long overwritten and deleted objects are kept.", minimum=1, maximum=3_650
    )
    access_log_expiry_days: int = option(
        90, "Age at which the log of requests to the lake is deleted.", minimum=1, maximum=3_650
    )
    query_result_expiry_days: int = option(
        7, "Age at which results of Athena queries are deleted.", minimum=1, maximum=3_650
    )
    query_scan_limit_mib: int = option(
        10_240,
        "Most that one Athena query may scan; Athena takes no less than 10 MB.",
        minimum=10,
        maximum=1_048_576,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if self.last_year < self.first_year:
            yield "last_year", self.last_year, f"first_year ({self.first_year}) or later"


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The cluster's own network: private subnets, no way to the internet, endpoints only."""

    cidr: str = option(
        "10.42.0.0/16",
        "Addresses of the VPC, an IPv4 block from /16 to /24.",
    )
    availability_zones: int = option(
        1,
        "Zones with a subnet and, for each endpoint below, an interface at an hourly price.",
        minimum=1,
        maximum=2,
    )
    interface_endpoints: tuple[str, ...] = option(
        ("elasticmapreduce", "glue", "kms", "logs", "monitoring", "ssm", "ssmmessages", "sts"),
        "AWS services that the cluster reaches, besides S3 and DynamoDB.",
        choices=_ENDPOINT_SERVICES,
    )

    vpc_id: str = option(
        "",
        "A VPC that exists already, instead of one of its own; empty for its own. It needs "
        "private subnets, the endpoints below, and EMR's tag on VPC and subnets.",
        pattern=r"(vpc-[0-9a-f]{8,17})?",
        pattern_text="empty, or the id of a VPC, such as vpc-0123456789abcdef0",
    )
    subnet_ids: tuple[str, ...] = option(
        (),
        "Subnets of that VPC; instance groups use the first, instance fleets choose.",
        pattern=r"subnet-[0-9a-f]{8,17}",
        pattern_text="the id of a subnet, such as subnet-0123456789abcdef0",
    )
    flow_log_days: int = option(
        0,
        "How long the log of all connections in the VPC is kept; 0 keeps none.",
        choices=(0, *_LOG_RETENTION_DAYS),
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if bool(self.vpc_id) != bool(self.subnet_ids):
            yield "subnet_ids", list(self.subnet_ids), "one or more if and only if vpc_id is set"
        if self.vpc_id and self.flow_log_days:
            yield "flow_log_days", self.flow_log_days, "0 where vpc_id is set: the VPC is not ours"
        try:
            fits = 16 <= ipaddress.IPv4Network(self.cidr).prefixlen <= 24
        except ValueError:
            fits = False
        if not fits:
            yield "cidr", self.cidr, "an IPv4 block from /16 to /24, such as 10.42.0.0/16"


@dataclass(frozen=True, kw_only=True)
class TriggerConfig:
    """The function that makes one Spark step of a batch of new raw objects."""

    batch_size: int = option(
        100, "Most object events in one batch, so in one step.", minimum=1, maximum=10_000
    )
    batching_window_seconds: int = option(
        60, "How long events are gathered for a batch.", minimum=0, maximum=300
    )
    timeout_seconds: int = option(60, "Time limit of one invocation.", minimum=3, maximum=900)
    memory_mib: int = option(256, "Memory of the function.", minimum=128, maximum=10_240)
    attempts: int = option(
        5,
        "Receives after which an event becomes a dead letter.",
        minimum=1,
        maximum=1_000,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        # Lambda refuses an SQS mapping with more than 10 records a batch and no window.
        if self.batch_size > 10 and self.batching_window_seconds == 0:
            yield "batching_window_seconds", 0, "1 or more where batch_size is above 10"


@dataclass(frozen=True, kw_only=True)
class MonitoringConfig:
    """Logs, dashboard and alarms."""

    log_retention_days: int = option(
        30, "How long the log groups keep their events.", choices=_LOG_RETENTION_DAYS
    )
    alarm_emails: tuple[str, ...] = option(
        (),
        "Who is written to when an alarm goes off; each confirms a subscription.",
        pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+",
        pattern_text="an e-mail address",
    )
    alarm_urls: tuple[str, ...] = option(
        (),
        "HTTPS endpoints that alarms are posted to; each confirms a subscription.",
        pattern=r"https://[^\s]+",
        pattern_text="an https:// URL",
    )
    runbook_url: str = option(
        "",
        "Page that every alarm links to, at the part with the alarm's name; empty for none.",
        pattern=r"(https://[^\s#]+)?",
        pattern_text="empty, or an https:// URL without #",
    )
    monthly_budget_usd: int = option(
        0,
        "Cost of a month above which alarm_emails are warned; 0 for no budget.",
        minimum=0,
        maximum=10_000_000,
    )
    iterator_age_alarm_seconds: int = option(
        3_600, "Age of unread records that raises the alarm.", minimum=60, maximum=31_536_000
    )
    freshness_alarm_seconds: int = option(
        1_800, "Age of undelivered records that raises the alarm.", minimum=60, maximum=604_800
    )
    queue_age_alarm_seconds: int = option(
        600,
        "Age of an untaken object event that raises the alarm; SQS leaves those that were "
        "received three times out of this age.",
        minimum=60,
        maximum=345_600,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if self.monthly_budget_usd and not self.alarm_emails:
            yield "monthly_budget_usd", self.monthly_budget_usd, "0 where alarm_emails is empty"


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """CloudTrail's record of who read and wrote which record and object."""

    data_events: bool = option(
        False, "Whether CloudTrail logs data events of stream and lake, at a price for each."
    )
    expiry_days: int = option(
        365, "Age at which the audit log is deleted.", minimum=1, maximum=3_650
    )


@dataclass(frozen=True, kw_only=True)
class DeploymentConfig:
    """What a company may demand of every deployment in its accounts."""

    permissions_boundary: str = option(
        "",
        "Managed policy of the account that bounds every role of the stacks; empty for none.",
        pattern=r"[\w+=,.@-]{0,128}",
        pattern_text="empty, or the name of a policy",
    )
    bootstrap_qualifier: str = option(
        "hnb659fds",
        "Qualifier of the CDK bootstrap stack; the default is that of the CDK itself.",
        pattern=r"[a-z0-9]{1,10}",
        pattern_text="1 to 10 lowercase letters and digits",
    )


@dataclass(frozen=True, kw_only=True)
class TagsConfig:
    """Tags on every resource that can bear them, next to Environment."""

    project: str = option(
        "tidelake", "Tag Project.", pattern=_TAG_VALUE, pattern_text=_TAG_VALUE_TEXT
    )
    cost_center: str = option(
        "unassigned", "Tag CostCenter.", pattern=_TAG_VALUE, pattern_text=_TAG_VALUE_TEXT
    )
    owner: str = option(
        "unassigned", "Tag Owner.", pattern=_TAG_VALUE, pattern_text=_TAG_VALUE_TEXT
    )


@dataclass(frozen=True, kw_only=True)
class EnvironmentConfig:
    """Everything that one environment's stacks are told."""

    environment: str
    """`local`, `dev`, `prod`, or another name that `cdk.json` gives."""

    retain_data: bool = option(
        False,
        "Whether data outlives its stack. If not, destroying the stack empties the lake bucket.",
    )
    termination_protection: bool = option(
        False, "Whether CloudFormation refuses to delete the stacks."
    )
    stream: StreamConfig = field(default_factory=StreamConfig)
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)
    lake: LakeConfig = field(default_factory=LakeConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    trigger: TriggerConfig = field(default_factory=TriggerConfig)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    deployment: DeploymentConfig = field(default_factory=DeploymentConfig)
    tags: TagsConfig = field(default_factory=TagsConfig)

    @classmethod
    def from_context(cls, node: Node) -> EnvironmentConfig:
        """Read the environment that `-c environment=NAME` chose, `dev` if none was.

        Raises ConfigurationError, with the full key, for whatever is not allowed.
        """
        chosen = node.try_get_context("environment")
        environments = node.try_get_context("environments")
        return cls.from_values(DEFAULT_ENVIRONMENT if chosen is None else chosen, environments)

    @classmethod
    def from_values(cls, environment: object, environments: object) -> EnvironmentConfig:
        """The configuration named `environment` out of plain values for all of them."""
        if not isinstance(environments, Mapping):
            raise ConfigurationError("environments", environments, "an object of environments")
        if not isinstance(environment, str) or environment not in environments:
            known = ", ".join(environments)
            raise ConfigurationError("environment", environment, f"one of {known}")
        # The name becomes part of every stack's name.
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", environment):
            allowed = "a lowercase letter, then up to 31 lowercase letters, digits and hyphens"
            raise ConfigurationError("environment", environment, allowed)
        key = f"environments.{environment}"
        return parse(cls, environments[environment], key, environment=environment)
