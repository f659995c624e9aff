"""Names by which the parts of one deployment find each other."""

from __future__ import annotations

from enum import Enum


class StackRole(Enum):
    """The four stacks, in the order in which they depend on each other."""

    STORAGE = "storage"
    INGESTION = "ingestion"
    PROCESSING = "processing"
    MONITORING = "monitoring"

    def stack_name(self, environment: str) -> str:
        """The CloudFormation stack of this role, such as `tidelake-dev-storage`."""
        return f"tidelake-{environment}-{self.value}"


class Output(Enum):
    """Outputs of the stacks, each with the stack that has it, and whether it always has."""

    LAKE_BUCKET = ("LakeBucketName", StackRole.STORAGE)
    DATABASE = ("DatabaseName", StackRole.STORAGE)
    RAW_TABLE = ("RawTableName", StackRole.STORAGE)
    STREAM = ("StreamName", StackRole.INGESTION)
    DELIVERY_STREAM = ("DeliveryStreamName", StackRole.INGESTION)
    CLIENT_URL = ("ClientCodeUrl", StackRole.INGESTION)
    CLUSTER = ("ClusterId", StackRole.PROCESSING, False)
    """Only where the cluster is persistent."""
    TRIGGER_FUNCTION = ("TriggerFunctionName", StackRole.PROCESSING)
    TRIGGER_QUEUE = ("TriggerQueueUrl", StackRole.PROCESSING)
    TRIGGER_DEAD_LETTERS = ("TriggerDeadLetterQueueUrl", StackRole.PROCESSING)
    BATCHES_TABLE = ("BatchesTableName", StackRole.PROCESSING)
    JOB_URL = ("SparkJobUrl", StackRole.PROCESSING)
    BACKFILL_URL = ("SparkBackfillUrl", StackRole.PROCESSING)
    AGGREGATE_URL = ("SparkAggregateUrl", StackRole.PROCESSING)
    SHARED_CODE_URL = ("SparkSharedCodeUrl", StackRole.PROCESSING)
    DASHBOARD = ("DashboardName", StackRole.MONITORING)
    ALARM_TOPIC = ("AlarmTopicArn", StackRole.MONITORING)

    def __init__(self, key: str, stack: StackRole, always: bool = True) -> None:
        self.key = key
        self.stack = stack
        self.always = always
