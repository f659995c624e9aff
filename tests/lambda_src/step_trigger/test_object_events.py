"""Object events, as EventBridge and S3 send them."""

from __future__ import annotations

import json

import pytest

from lambda_src.step_trigger.object_events import MalformedMessageError, read_message
from tests.lambda_src.conftest import LoadEvent
from tidelake.contract.manifest import RawObject
from tidelake.contract.trigger_messages import (
    MAINTAIN_BODY,
    Maintain,
    Retry,
    Submit,
    objects_body,
    retry_body,
    submit_body,
)

BATCH = "2ffd38095a6973d3a338701df21cdc6b"
OWN = "message of tidelake lacks a field"
"""Why a message of ours is refused."""


def test_an_event_bridge_event_keeps_its_key_as_it_is(load_event: LoadEvent) -> None:
    assert objects_in(json.dumps(load_event("event_bridge_object_created"))) == [
        RawObject(
            bucket="lake",
            key="streaming-data/year=2026/month=11/day=12/hour=00/part+1%2F.parquet",
            version_id="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            size=1024,
        )
    ]


def test_the_key_of_an_s3_notification_is_decoded(load_event: LoadEvent) -> None:
    assert objects_in(json.dumps(load_event("s3_notification"))) == [
        RawObject(
            bucket="lake",
            key="streaming-data/year=2026/month=11/my file+1.parquet",
            version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
            size=2048,
        )
    ]


def test_the_key_of_an_s3_notification_is_decoded_once(load_event: LoadEvent) -> None:
    event = load_event("s3_notification")
    event["Records"][0]["s3"]["object"]["key"] = "streaming-data/100%2525.parquet"
    assert [o.key for o in objects_in(json.dumps(event))] == ["streaming-data/100%25.parquet"]


def objects_in(body: str) -> list[RawObject]:
    found = read_message(body)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("name", "path", "version"),
    [
        ("event_bridge_object_created", ("detail", "object"), "version-id"),
        ("s3_notification", ("Records", 0, "s3", "object"), "versionId"),
    ],
)
def test_an_object_of_a_bucket_without_versions_has_none(
    load_event: LoadEvent, name: str, path: tuple[str | int, ...], version: str
) -> None:
    event = load_event(name)
    part = event
    for step in path:
        part = part[step]  # type: ignore[index]  # a list is on the way, and an int to index it
    del part[version]
    assert [o.version_id for o in objects_in(json.dumps(event))] == [""]


def test_the_test_event_of_s3_holds_no_object(load_event: LoadEvent) -> None:
    assert objects_in(json.dumps(load_event("s3_test_event"))) == []


def test_a_deletion_holds_no_object(load_event: LoadEvent) -> None:
    bridged = load_event("event_bridge_object_created") | {"detail-type": "Object Deleted"}
    notified = load_event("s3_notification")
    notified["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    assert objects_in(json.dumps(bridged)) == []
    assert objects_in(json.dumps(notified)) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "message is no JSON"),
        ("{", "message is no JSON"),
        ("[" * 100_000, "message is no JSON"),
        ("[]", "message is no JSON object"),
        ("{}", "source is missing or of the wrong type"),
        ('{"source": "aws.ec2"}', "source is not aws.s3"),
        ('{"source": "aws.s3"}', "detail-type is missing or of the wrong type"),
        (
            '{"source": "aws.s3", "detail-type": "Object Created"}',
            "detail is missing or of the wrong type",
        ),
        (
            '{"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {}}}',
            "bucket is missing or of the wrong type",
        ),
        ('{"tidelake": "other"}', OWN),
        (f'{{"tidelake": "submit", "batch_id": "{BATCH}"}}', OWN),
        (f'{{"tidelake": "submit", "batch_id": "{BATCH}", "attempt": 1e999}}', OWN),
        ('{"tidelake": "retry", "batch_id": 7}', OWN),
        ('{"tidelake": "retry", "batch_id": "b"}', OWN),
        ('{"tidelake": "objects", "objects": [{}]}', OWN),
        (objects_body([RawObject("lake", "streaming-data/\ud800", "v1", 10)]), OWN),
        (objects_body([RawObject("lake", "a", "v1", 10)]).replace('"a"', "7"), OWN),
        (objects_body([RawObject("lake", "a", "v1", 10)]).replace("10", '"10"'), OWN),
        ('{"Records": {}}', "Records is missing or of the wrong type"),
        ('{"Records": ["x"]}', "record is no JSON object"),
        ('{"Records": [{"eventSource": "aws:sns"}]}', "eventSource is not aws:s3"),
    ],
)
def test_what_is_no_object_event_is_refused_with_its_reason(body: str, reason: str) -> None:
    with pytest.raises(MalformedMessageError) as error:
        read_message(body)
    assert str(error.value) == reason


@pytest.mark.parametrize("event", ["event_bridge_object_created", "s3_notification"])
def test_a_key_that_is_no_text_is_refused(event: str, load_event: LoadEvent) -> None:
    body = json.dumps(load_event(event)).replace("streaming-data/", "streaming-data/\\ud800")
    with pytest.raises(MalformedMessageError, match="key is no valid text"):
        read_message(body)


def test_a_size_that_is_no_number_is_refused(load_event: LoadEvent) -> None:
    event = load_event("event_bridge_object_created")
    event["detail"]["object"]["size"] = "1024"
    with pytest.raises(MalformedMessageError, match="size is missing or of the wrong type"):
        objects_in(json.dumps(event))


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (submit_body(BATCH, 2), Submit(BATCH, 2)),
        (retry_body(BATCH, "why"), Retry(BATCH)),
        (MAINTAIN_BODY, Maintain()),
    ],
)
def test_what_the_pipeline_asks_of_itself_is_understood(body: str, command: object) -> None:
    assert read_message(body) == command


def test_objects_that_the_sweep_found_are_taken_as_they_are() -> None:
    objects = [RawObject("lake", "streaming-data/a%2Fb+c", "v1", 10)]
    assert read_message(objects_body(objects)) == objects
