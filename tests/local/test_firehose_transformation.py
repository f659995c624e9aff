"""The function of a delivery stream as Firehose calls it: batches, attempts, what is set aside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tidelake.local.extension.firehose import transformation
from tidelake.local.extension.firehose.buffering import Record
from tidelake.local.extension.firehose.transformation import (
    LambdaTransformation,
    Processor,
    Transformed,
)

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"
ENVELOPE = {"deliveryStreamArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/d"}
Reply = Callable[[dict[str, Any]], dict[str, Any]]


class FakeLambda:
    """Answers each call by the next of `replies`, and the last of them ever after."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.requests: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert FunctionName == FUNCTION
        self.requests.append(json.loads(Payload))
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return reply(self.requests[-1])


def answering(answer: Callable[[str, bytes], dict[str, Any]]) -> Reply:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        answers = [
            {"recordId": record["recordId"]}
            | answer(record["recordId"], base64.b64decode(record["data"]))
            for record in request["records"]
        ]
        return payload({"records": answers})

    return reply


def payload(document: object) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(document).encode())}


def ok(_: str, data: bytes) -> dict[str, Any]:
    return {"result": "Ok", "data": base64.b64encode(data.upper()).decode()}


def failing(_: dict[str, Any]) -> dict[str, Any]:
    return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "boom"}')}


def refusing(code: str) -> Reply:
    def reply(_: dict[str, Any]) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")

    return reply


def timing_out(_: dict[str, Any]) -> dict[str, Any]:
    raise ReadTimeoutError(endpoint_url="http://127.0.0.1:1")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformation, "_PAUSE_SECONDS", 0)


def transform(
    client: FakeLambda,
    *data: bytes,
    retries: int = 3,
    buffer_bytes: int = 2**20,
    last: bool = False,
) -> Transformed:
    processor = Processor(function_arn=FUNCTION, retries=retries, buffer_bytes=buffer_bytes)
    records = [Record(str(number), body, 1.5) for number, body in enumerate(data)]
    return LambdaTransformation(client).apply(processor, ENVELOPE, records, lambda: last)


def codes(transformed: Transformed) -> list[tuple[str, str, int]]:
    return [
        (failure.record.id, failure.error.code, failure.attempts)
        for failure in transformed.failures
    ]


def test_a_request_says_what_firehose_says() -> None:
    client = FakeLambda(answering(ok))
    transform(client, b"one")
    [request] = client.requests
    assert request.pop("invocationId")
    assert request == {
        "deliveryStreamArn": ENVELOPE["deliveryStreamArn"],
        "region": "us-east-1",
        "records": [
            {"recordId": "0", "approximateArrivalTimestamp": 1500, "data": "b25l"},
        ],
    }


def test_records_are_delivered_as_they_are_answered_and_in_order() -> None:
    transformed = transform(FakeLambda(answering(ok)), b"one", b"two")
    assert transformed.records == [Record("0", b"ONE", 1.5), Record("1", b"TWO", 1.5)]
    assert transformed.failures == []


def test_records_are_handed_over_in_batches_of_the_buffer() -> None:
    client = FakeLambda(answering(ok))
    transformed = transform(client, *[b"x" * 40] * 5, buffer_bytes=100)
    assert [len(request["records"]) for request in client.requests] == [2, 2, 1]
    assert len(transformed.records) == 5


def test_a_request_stays_within_what_lambda_takes() -> None:
    client = FakeLambda(answering(ok))
    transform(client, *[b"x"] * 30_000, buffer_bytes=3 * 2**20)
    assert len(client.requests) == 2
    assert all(len(json.dumps(request)) <= 6_291_556 for request in client.requests)


def test_dropped_records_are_neither_delivered_nor_set_aside() -> None:
    transformed = transform(FakeLambda(answering(lambda *_: {"result": "Dropped"})), b"one")
    assert transformed == Transformed()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"result": "ProcessingFailed"}, "Lambda.ProcessingFailedStatus"),
        ({"result": "Ok"}, "Lambda.FunctionError"),
        ({"result": "Ok", "data": "no base64"}, "Lambda.FunctionError"),
        ({"result": "Ok", "data": "", "recordId": "other"}, "Lambda.MissingRecordId"),
    ],
)
def test_a_record_that_was_not_processed_is_set_aside_as_it_came(
    answer: dict[str, Any], code: str
) -> None:
    client = FakeLambda(
        answering(lambda record_id, data: ok("", data) if record_id == "0" else answer)
    )
    transformed = transform(client, b"one", b"two")
    assert [record.data for record in transformed.records] == [b"ONE"]
    assert [failure.record.data for failure in transformed.failures] == [b"two"]
    # An answer, however bad, is not asked for again.
    assert codes(transformed) == [("1", code, 1)]
    assert len(client.requests) == 1


def test_a_record_that_is_answered_twice_is_set_aside() -> None:
    twice = [{"recordId": "0", "result": "Ok", "data": "eA=="}] * 2
    transformed = transform(FakeLambda(lambda _: payload({"records": twice})), b"one")
    assert codes(transformed) == [("0", "Lambda.DuplicatedRecordId", 1)]


@pytest.mark.parametrize(
    "document",
    [None, {}, {"records": 1}, {"records": [{"recordId": "0"}]}, {"records": [{"result": "Fine"}]}],
)
def test_a_reply_that_is_none_sets_its_records_aside_at_once(document: object) -> None:
    transformed = transform(FakeLambda(lambda _: payload(document)), b"one")
    assert codes(transformed) == [("0", "Lambda.JsonProcessingException", 1)]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (failing, "Lambda.FunctionError"),
        (timing_out, "Lambda.FunctionTimedOut"),
        (refusing("ResourceNotFoundException"), "Lambda.ResourceNotFound"),
        (refusing("TooManyRequestsException"), "Lambda.InvokeLimitExceeded"),
        (refusing("ServiceException"), "Lambda.InternalError"),
        (lambda _: payload("x" * 6_291_556), "Lambda.FunctionError"),
    ],
    ids=["error", "time-out", "no function", "throttled", "service", "too large"],
)
def test_a_call_that_fails_is_tried_again_then_its_records_are_set_aside(
    reply: Reply, code: str
) -> None:
    client = FakeLambda(reply)
    transformed = transform(client, b"one", b"two", retries=2)
    assert codes(transformed) == [("0", code, 3), ("1", code, 3)]
    assert len({request["invocationId"] for request in client.requests}) == 3


def test_a_call_that_works_at_last_loses_nothing() -> None:
    transformed = transform(FakeLambda(failing, failing, answering(ok)), b"one")
    assert [record.data for record in transformed.records] == [b"ONE"]


def test_a_stream_that_is_gone_is_not_tried_again() -> None:
    assert codes(transform(FakeLambda(failing), b"one", last=True)) == [
        ("0", "Lambda.FunctionError", 1)
    ]


def test_the_processor_is_read_from_the_configuration_with_the_defaults_of_firehose() -> None:
    def config(**parameters: str) -> dict[str, Any]:
        listed = [{"ParameterName": k, "ParameterValue": v} for k, v in parameters.items()]
        processors = [{"Type": "Lambda", "Parameters": listed}]
        return {"ProcessingConfiguration": {"Enabled": True, "Processors": processors}}

    assert Processor.of(config(LambdaArn=FUNCTION)) == Processor(
        function_arn=FUNCTION, retries=3, buffer_bytes=1_048_576
    )
    assert Processor.of(
        config(LambdaArn=FUNCTION, NumberOfRetries="0", BufferSizeInMBs="0.5")
    ) == Processor(function_arn=FUNCTION, retries=0, buffer_bytes=524_288)
    assert Processor.of({}) is None
    assert Processor.of({"ProcessingConfiguration": {"Enabled": "false"}}) is None
