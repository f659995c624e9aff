"""The functions that keep the batches, on stand-ins for AWS: one clock, one queue, one table."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lambda_src.batches.following import Following
from lambda_src.batches.table import BatchTable
from lambda_src.step_trigger.handler import Deployed
from tests.lambda_src.fake_emr import FakeEmr
from tidelake.contract.batch_items import EXPIRY, KEY, STATE_INDEX, Batch
from tidelake.contract.manifest import RawObject
from tidelake.contract.settings import StepTriggerSettings, SweepSettings

CLUSTER_NAME = "tidelake-dev"
TRIGGER_SETTINGS = StepTriggerSettings(
    environment="dev",
    lake_bucket="lake",
    batches_table="batches",
    queue_url="",
    dead_letters_url="",
    cluster_id="",
    cluster_name=CLUSTER_NAME,
    launch_parameter="/tidelake/dev/cluster-launch",
    job_uri="s3://assets/curate.py",
    maintain_uri="s3://assets/maintain.py",
    py_files_uri="s3://assets/shared.zip",
    database="streaming_db",
    target_file_mib=128,
    snapshot_days=7,
    orphan_hours=72,
    lease_seconds=90,
    claim_days=45,
    most_active_steps=200,
    longest_deferral_seconds=1800,
)
SWEEP_SETTINGS = SweepSettings(
    environment="dev",
    lake_bucket="lake",
    batches_table="batches",
    queue_url="",
    dead_letters_url="",
    cluster_name=CLUSTER_NAME,
    most_failures=3,
    retry_seconds=30,
    claim_days=45,
    look_back_hours=24,
    forgotten_minutes=60,
    overdue_minutes=240,
)


class Clock:
    """Seconds since 1970, as a test says; it starts now, since S3 and EMR have clocks too."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


@dataclass
class FakeClients:
    """What `Clients` makes, with EMR played by a strict fake."""

    s3: Any
    dynamodb: Any
    sqs: Any
    ssm: Any
    emr: Any

    @property
    def emr_once(self) -> Any:
        """The fake tries nothing twice."""
        return self.emr


@dataclass
class ControlPlane:
    """Everything that trigger, outcome function and sweep share."""

    clients: FakeClients
    clock: Clock
    emr: FakeEmr
    queue_url: str
    dead_letters_url: str
    cluster_id: str
    table: BatchTable = field(init=False)

    def __post_init__(self) -> None:
        self.table = BatchTable(self.clients.dynamodb, "batches", claim_days=45, clock=self.clock)

    def deployed(self, **changes: Any) -> Deployed:
        """The trigger; persistent unless told otherwise."""
        values = {
            "cluster_id": self.cluster_id,
            "queue_url": self.queue_url,
            "dead_letters_url": self.dead_letters_url,
        }
        settings = StepTriggerSettings(**{**vars(TRIGGER_SETTINGS), **values, **changes})
        return Deployed(settings, self.clients, self.clock)  # type: ignore[arg-type]  # stand-ins

    def following(self) -> Following[SweepSettings]:
        values = {"queue_url": self.queue_url, "dead_letters_url": self.dead_letters_url}
        settings = SweepSettings(**{**vars(SWEEP_SETTINGS), **values})
        return Following.of(settings, self.clients, self.clock)  # type: ignore[arg-type]  # stand-ins

    def batch(self, batch_id: str) -> Batch:
        found = self.table.batch(batch_id)
        assert found is not None
        return found

    def sent(self, url: str = "") -> list[dict[str, Any]]:
        """The bodies in a queue, by default the trigger's; they are taken from it."""
        bodies: list[dict[str, Any]] = []
        while True:
            reply = self.clients.sqs.receive_message(
                QueueUrl=url if url else self.queue_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
            )
            messages = reply.get("Messages", [])
            if not messages:
                return bodies
            bodies += [json.loads(message["Body"]) for message in messages]


def create_table(dynamodb: Any, name: str = "batches") -> None:
    """The table, as the stack declares it."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": KEY, "AttributeType": "S"},
            {"AttributeName": "state", "AttributeType": "S"},
            {"AttributeName": "updated_at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": STATE_INDEX,
                "KeySchema": [
                    {"AttributeName": "state", "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    dynamodb.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRY},
    )


def object_event(raw_object: RawObject) -> dict[str, Any]:
    """EventBridge's event that an object was created."""
    created = {
        "key": raw_object.key,
        "size": raw_object.size,
        "version-id": raw_object.version_id,
    }
    detail = {"bucket": {"name": raw_object.bucket}, "object": created}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def raw(name: str, version: str = "v1") -> RawObject:
    return RawObject("lake", f"streaming-data/{name}", version, 10)


def sqs_event(*bodies: dict[str, Any] | str, receives: int = 1) -> dict[str, Any]:
    """What Lambda hands over; messages are called m0, m1, ..."""
    return {
        "Records": [
            {
                "messageId": f"m{i}",
                "receiptHandle": f"r{i}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receives)},
                "eventSource": "aws:sqs",
            }
            for i, body in enumerate(bodies)
        ]
    }


def events_of(objects: Iterable[RawObject], **options: Any) -> dict[str, Any]:
    return sqs_event(*(object_event(o) for o in objects), **options)


def new_name() -> str:
    return f"control-{uuid.uuid4().hex[:8]}"
