from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from lambda_src.delivery_transform import handler as module
from tests.lambda_src.conftest import JsonObject, LoadEvent
from tests.lambda_src.delivery_transform.events import REQUEST
from tidelake.contract.settings import DeliveryTransformSettings

Transform = Callable[..., list[JsonObject]]


@pytest.fixture
def transform(load_event: LoadEvent, monkeypatch: pytest.MonkeyPatch) -> Transform:
    """Hands these payloads to the handler, as records of a data stream."""

    def call(*payloads: bytes, misfits: str = "set_aside") -> list[JsonObject]:
        settings = DeliveryTransformSettings(environment="dev", misfits=misfits)
        for name, value in settings.to_env().items():
            monkeypatch.setenv(name, value)
        module._settings.cache_clear()
        event = load_event("firehose_kinesis_records")
        [template] = event["records"]
        event["records"] = [
            {**template, "recordId": str(number), "data": base64.b64encode(payload).decode()}
            for number, payload in enumerate(payloads)
        ]
        return module.handler(event, None)["records"]

    return call


def body(**changes: Any) -> bytes:
    return json.dumps({**REQUEST, **changes}).encode()


def decoded(answer: JsonObject) -> Any:
    return json.loads(base64.b64decode(answer["data"]))


def test_every_record_is_answered_once_in_order(transform: Transform) -> None:
    answers = transform(body(), body(status="404"), b"", b"no json")
    assert [(answer["recordId"], answer["result"]) for answer in answers] == [
        ("0", "Ok"),
        ("1", "Ok"),
        ("2", "Dropped"),
        ("3", "ProcessingFailed"),
    ]


def test_a_fitting_record_comes_back_to_the_byte(transform: Transform) -> None:
    [answer] = transform(body() + b"\n")
    assert base64.b64decode(answer["data"]) == body() + b"\n"


def test_a_repaired_record_comes_back_as_the_contract_wants_it(transform: Transform) -> None:
    [answer] = transform(body(status="404", referrer=None))
    assert decoded(answer) == {**REQUEST, "status": 404}


def test_one_misfit_sets_its_whole_record_aside(transform: Transform) -> None:
    [answer] = transform(body() + body(status=9))
    assert answer == {"recordId": "0", "result": "ProcessingFailed"}


def test_misfits_are_dropped_where_that_was_asked(transform: Transform) -> None:
    [kept, dropped] = transform(body(), body(status=9), misfits="drop")
    assert (kept["result"], dropped) == ("Ok", {"recordId": "1", "result": "Dropped"})


def test_what_no_longer_fits_the_response_is_set_aside(
    transform: Transform, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "é" * 60_000
    payloads = [body(target=long, status="200") for _ in range(20)]
    answers = transform(*payloads)
    results = [answer["result"] for answer in answers]
    assert len(json.dumps({"records": answers})) <= 6_000_100
    assert (results.count("Ok"), results.count("ProcessingFailed")) == (12, 8)
    metrics, _ = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (metrics["RecordsRepaired"], metrics["RecordsOverLimit"]) == (12, 8)


def test_outcomes_are_counted_and_reasons_told_without_payloads(
    transform: Transform, capsys: pytest.CaptureFixture[str]
) -> None:
    transform(body(), body(), body(status="404"), b" ", body(client_address=5))
    output = capsys.readouterr().out
    metrics, line = (json.loads(text) for text in output.splitlines())
    assert {name: metrics[name] for name in metrics if name.startswith("Records")} == {
        "RecordsUnchanged": 2,
        "RecordsRepaired": 1,
        "RecordsDropped": 1,
        "RecordsRejected": 1,
    }
    assert metrics["Environment"] == "dev"
    assert line["reasons"] == {
        "record: is blank": 1,
        "client_address: must be of type string": 1,
    }
    assert "83.149.9.216" not in output
