from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lambda_src.stream_counter import handler as module
from lambda_src.stream_counter.counting import MostKinds, UnreadableRecordError, kinds_in
from lambda_src.stream_counter.handler import handler
from tests.client.packing import packed


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module._settings.cache_clear()
    monkeypatch.setenv("TIDELAKE_ENVIRONMENT", "dev")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def event(source: str = "web_log", event_type: str = "GET", **fields: str) -> bytes:
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
    answer = handler(batch(event(), event(event_type="POST"), event(), event("sensor", "t")), None)
    assert answer == {"batchItemFailures": []}
    assert published(capsys) == {
        ("web_log", "GET"): 2,
        ("web_log", "POST"): 1,
        ("sensor", "t"): 1,
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
    handler(batch(packed(event(), event(), event("sensor", "t")), event()), None)
    assert published(capsys) == {("web_log", "GET"): 3, ("sensor", "t"): 1}


def test_what_comes_before_an_unreadable_record_is_counted_and_the_rest_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = handler(batch(event(), event(), b"poison", event()), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert published(capsys) == {("web_log", "GET"): 2}


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


def test_unknown_sources_and_odd_types_count_as_other() -> None:
    assert kinds_in(encoded(event("made up", "GET"))) == [("other", "GET")]
    assert kinds_in(encoded(event("web_log", "x y"))) == [("web_log", "other")]
    assert kinds_in(encoded(b'{"event_id": "1", "source": [], "event_type": 7}')) == [
        ("other", "other")
    ]


def test_a_batch_makes_at_most_fifty_one_metrics() -> None:
    counts = MostKinds()
    for number in range(200):
        counts.add(kinds_in(encoded(event(event_type=f"t{number}"))))
    assert len(counts.by_kind) == 51
    assert counts.total == 200
