from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lambda_src.stream_counter import handler as module
from lambda_src.stream_counter.counting import UnreadableRecordError, kinds_in
from lambda_src.stream_counter.handler import handler
from tests.client.packing import packed


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module._settings.cache_clear()
    monkeypatch.setenv("TIDELAKE_ENVIRONMENT", "dev")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def event(source: str = "web_log", event_type: str = "request", **fields: str) -> bytes:
    return json.dumps(
        {"event_id": "1", "source": source, "event_type": event_type, **fields}
    ).encode()


def batch(*records: bytes) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": f"shardId-000000000000:{number}",
                "kinesis": {"sequenceNumber": str(number), "data": encoded(data)},
            }
            for number, data in enumerate(records)
        ]
    }


def published(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], int]:
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {
        (document["Source"], document["EventType"]): document["EventsCounted"]
        for document in documents
        if "_aws" in document
    }


def test_events_are_counted_by_source_and_type(capsys: pytest.CaptureFixture[str]) -> None:
    events = [event(), event("app_event", "click"), event(), event("sensor", "reading")]
    answer = handler(batch(*events), None)
    assert answer == {"batchItemFailures": []}
    assert published(capsys) == {
        ("web_log", "request"): 2,
        ("app_event", "click"): 1,
        ("sensor", "reading"): 1,
    }


def test_metrics_are_published_under_environment_source_and_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler(batch(event()), None)
    [document, _log] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert document["Environment"] == "dev"
    assert document["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Tidelake",
            "Dimensions": [["Environment", "Source", "EventType"]],
            "Metrics": [{"Name": "EventsCounted", "Unit": "Count"}],
        }
    ]


def test_each_event_of_an_aggregated_record_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    handler(batch(packed(event(), event(), event("sensor", "reading")), event()), None)
    assert published(capsys) == {("web_log", "request"): 3, ("sensor", "reading"): 1}


def test_what_comes_before_an_unreadable_record_is_counted_and_the_rest_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = handler(batch(event(), event(), b"poison", event()), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert published(capsys) == {("web_log", "request"): 2}


def test_a_batch_that_begins_with_an_unreadable_record_is_an_error_and_counts_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UnreadableRecordError):
        handler(batch(b"poison", event()), None)
    assert published(capsys) == {}


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"event_id": 1}', b"\xff", b"[" * 100_000])
def test_a_record_that_holds_no_event_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableRecordError, match=r"^record: must be "):
        kinds_in(encoded(data))


def test_no_data_of_a_record_comes_into_log_or_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnreadableRecordError) as caught:
        handler(batch(b"canary@example.org", event()), None)
    handler(batch(event(client_address="canary@example.org"), b"canary@example.org"), None)
    assert "canary" not in capsys.readouterr().out + str(caught.value)


def test_unknown_sources_and_types_count_as_other() -> None:
    assert kinds_in(encoded(event("made up", "view"))) == [("other", "other")]
    assert kinds_in(encoded(event("web_log", "view"))) == [("web_log", "other")]
    assert kinds_in(encoded(b'{"event_id": "1", "source": "sensor", "event_type": [7]}')) == [
        ("sensor", "other")
    ]
    assert kinds_in(encoded(b'{"event_id": "1", "source": [], "event_type": 7}')) == [
        ("other", "other")
    ]


def test_no_source_or_type_of_an_event_comes_into_a_metric_unless_it_is_declared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler(batch(event("canary", "request"), event("app_event", "canary_7f3a")), None)
    assert "canary" not in capsys.readouterr().out
