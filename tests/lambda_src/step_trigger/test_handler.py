"""The trigger, from a batch of messages to its step."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambda_src.step_trigger import handler as trigger
from lambda_src.step_trigger.object_events import MalformedMessageError
from lambda_src.step_trigger.spark_steps import SparkSteps
from tests.lambda_src.conftest import JsonObject, LoadEvent
from tests.lambda_src.step_trigger.conftest import SETTINGS, expect_listing, expect_step
from tidelake.contract.errors import ConfigurationError

# The ids of the batches of `a`, and of `a` and `b`, of version v1: they depend on these alone.
BATCH_A = "2ffd38095a6973d3a338701df21cdc6b"
BATCH_AB = "2a4ee5ddae5bd6e8160eff37ea4ed4be"

Created = Callable[..., JsonObject]
Batch = Callable[..., JsonObject]


@pytest.fixture
def created(load_event: LoadEvent) -> Created:
    """An EventBridge event for one object."""

    def build(
        name: str, *, bucket: str = "lake", zone: str = "streaming-data/", size: int = 10
    ) -> JsonObject:
        event = load_event("event_bridge_object_created")
        event["detail"]["bucket"]["name"] = bucket
        event["detail"]["object"] |= {"key": f"{zone}{name}", "size": size, "version-id": "v1"}
        return event

    return build


@pytest.fixture
def batch(load_event: LoadEvent) -> Batch:
    """An SQS batch of bodies, whose messages are called m0, m1, ..."""

    def build(*bodies: JsonObject | str) -> JsonObject:
        message = load_event("sqs_message")
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        return {
            "Records": [
                message | {"messageId": f"m{i}", "body": text} for i, text in enumerate(texts)
            ]
        }

    return build


@pytest.fixture(autouse=True)
def deployed(s3: Any, emr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function, told its settings, on the stand-ins for S3 and EMR."""
    monkeypatch.setattr(trigger, "_settings", lambda: SETTINGS)
    monkeypatch.setattr(trigger, "_steps", lambda: SparkSteps(SETTINGS, s3=s3, emr=emr))


def manifests(s3: Any) -> list[str]:
    listing = s3.list_objects_v2(Bucket="lake", Prefix="manifests/")
    return [entry["Key"] for entry in listing.get("Contents", [])]


def log_lines(capsys: pytest.CaptureFixture[str]) -> list[JsonObject]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_trigger_submits_one_step_for_a_batch(
    batch: Batch, created: Created, emr_calls: Stubber, s3: Any
) -> None:
    expect_listing(emr_calls)
    expect_step(emr_calls, BATCH_AB)
    event = batch(created("a"), created("b"))
    assert trigger.handler(event, None) == {"batchItemFailures": []}
    assert manifests(s3) == [f"manifests/{BATCH_AB}.json"]


def test_trigger_submits_one_step_for_duplicate_events(
    batch: Batch, created: Created, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls)
    expect_step(emr_calls, BATCH_A)
    trigger.handler(batch(created("a"), created("a")), None)


def test_trigger_gives_the_same_objects_the_same_step_in_any_order(
    batch: Batch, created: Created, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls)
    expect_step(emr_calls, BATCH_AB)
    trigger.handler(batch(created("b"), created("a")), None)


def test_trigger_submits_nothing_when_the_batch_comes_again(
    batch: Batch, created: Created, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls, f"curate-{BATCH_A}")
    assert trigger.handler(batch(created("a")), None) == {"batchItemFailures": []}


@pytest.mark.usefixtures("emr_calls")
@pytest.mark.parametrize(
    "ignored",
    [
        {"name": "a", "size": 0},
        {"name": "_SUCCESS"},
        {"name": ".hidden"},
        {"name": "year=2026/"},
        {"name": "a", "zone": "processed-data/"},
        {"name": "a", "bucket": "another"},
    ],
    ids=["empty", "marker", "hidden", "folder", "another zone", "another bucket"],
)
def test_trigger_ignores_and_counts_what_is_no_raw_object(
    batch: Batch,
    created: Created,
    ignored: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert trigger.handler(batch(created(**ignored)), None) == {"batchItemFailures": []}
    [line] = log_lines(capsys)
    assert (line["objects"], line["ignored"], line["submitted"]) == (0, 1, False)


@pytest.mark.usefixtures("emr_calls")
def test_trigger_ignores_and_counts_the_test_event_of_s3(
    batch: Batch, load_event: LoadEvent, capsys: pytest.CaptureFixture[str]
) -> None:
    trigger.handler(batch(load_event("s3_test_event")), None)
    [line] = log_lines(capsys)
    assert (line["messages"], line["ignored"]) == (1, 1)


def test_trigger_hands_back_only_the_malformed_message(
    batch: Batch, created: Created, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls)
    expect_step(emr_calls, BATCH_A)
    assert trigger.handler(batch("no JSON", created("a")), None) == {
        "batchItemFailures": [{"itemIdentifier": "m0"}]
    }


def test_trigger_raises_where_emr_fails_so_that_the_batch_stays_queued(
    batch: Batch, created: Created, emr_calls: Stubber
) -> None:
    expect_listing(emr_calls)
    emr_calls.add_client_error("add_job_flow_steps", "InvalidRequestException")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        trigger.handler(batch(created("a")), None)


def test_trigger_takes_a_plain_notification_of_s3(
    load_event: LoadEvent, emr_calls: Stubber, s3: Any
) -> None:
    event = load_event("s3_notification")
    event["Records"][0]["s3"]["object"] |= {"key": "streaming-data/a", "versionId": "v1"}
    expect_listing(emr_calls)
    expect_step(emr_calls, BATCH_A)
    trigger.handler(event, None)
    assert manifests(s3) == [f"manifests/{BATCH_A}.json"]


@pytest.mark.usefixtures("emr_calls")
def test_trigger_refuses_an_invocation_that_is_no_event() -> None:
    with pytest.raises(MalformedMessageError):
        trigger.handler({}, None)


def test_trigger_logs_its_counts(
    batch: Batch, created: Created, emr_calls: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    expect_listing(emr_calls)
    expect_step(emr_calls, BATCH_AB)
    event = batch(created("a"), created("a"), created("b"), created("_SUCCESS"), "no JSON")
    trigger.handler(event, None)
    malformed, counts = log_lines(capsys)
    assert malformed == {
        "level": "WARNING",
        "message": "message is malformed",
        "message_id": "m4",
        "reason": "message is no JSON",
    }
    assert counts == {
        "level": "INFO",
        "message": "batch handled",
        "messages": 5,
        "objects": 2,
        "duplicates": 1,
        "ignored": 1,
        "malformed": 1,
        "step": f"curate-{BATCH_AB}",
        "submitted": True,
    }


@pytest.mark.usefixtures("emr_calls")
def test_trigger_logs_no_payload(
    batch: Batch, created: Created, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "alice@example.org"
    trigger.handler(batch(secret, created(secret, zone="processed-data/")), None)
    assert secret not in capsys.readouterr().out


def test_settings_are_read_when_first_needed(
    batch: Batch, created: Created, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    for key in SETTINGS.to_env():
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(ConfigurationError, match="TIDELAKE_ENVIRONMENT"):
        trigger.handler(batch(created("a")), None)
