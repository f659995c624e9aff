from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tidelake.client.fast_transport import FastTransport
from tidelake.contract.errors import TransportError

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@dataclass
class Kinesis:
    """A server that answers what it is told to, and keeps what it was asked."""

    endpoint: str = ""
    status: int = 200
    answer: bytes = b'{"Records": [], "NextShardIterator": "next", "MillisBehindLatest": 7}'
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def transport(self) -> FastTransport:
        client = boto3.client(
            "kinesis",
            endpoint_url=self.endpoint,
            region_name="eu-west-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )
        return FastTransport(client)


@pytest.fixture
def kinesis() -> Iterator[Kinesis]:
    served = Kinesis()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.asked.append((dict(self.headers.items()), body))
            self.send_response(served.status)
            self.send_header("Content-Length", str(len(served.answer)))
            self.end_headers()
            self.wfile.write(served.answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


def test_a_call_bears_a_signature_over_what_was_sent(kinesis: Kinesis) -> None:
    kinesis.transport().get_records("events", "shardId-0", "iterator")
    [(headers, body)] = kinesis.asked
    authorization = headers["Authorization"]
    signed = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    lowered = {name.lower(): value for name, value in headers.items()}
    again = AWSRequest(
        method="POST",
        url=f"{kinesis.endpoint}/",
        data=body,
        headers={name: lowered[name] for name in signed},
    )
    again.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(KEY, SECRET), "kinesis", "eu-west-1")
    text = signer.string_to_sign(again, signer.canonical_request(again))
    assert authorization.endswith(f"Signature={signer.signature(text, again)}")
    assert {"host", "content-type", "x-amz-target", "x-amz-date"} <= set(signed)
    assert json.loads(body) == {"ShardIterator": "iterator", "Limit": 10_000}


def test_an_empty_page_tells_where_to_go_on_and_how_far_behind_it_is(kinesis: Kinesis) -> None:
    page = kinesis.transport().get_records("events", "shardId-0", "iterator")
    assert list(page.records) == []
    assert (page.next_iterator, page.millis_behind) == ("next", 7)


@pytest.mark.parametrize(
    ("status", "answer", "code", "retryable"),
    [
        (400, b'{"__type": "ExpiredIteratorException"}', "ExpiredIteratorException", False),
        (400, b'{"__type": "com.aws#AccessDeniedException"}', "AccessDeniedException", False),
        (
            400,
            b'{"__type": "ProvisionedThroughputExceededException"}',
            "ProvisionedThroughputExceededException",
            True,
        ),
        (500, b'{"__type": "InternalFailure"}', "InternalFailure", True),
        (503, b"<html>", "HTTP503", True),
        (200, b'{"Records": [', "UnreadableReply", True),
        (400, b"[]", "HTTP400", False),
    ],
)
def test_a_refusal_is_named_and_says_whether_to_try_again(
    kinesis: Kinesis, status: int, answer: bytes, code: str, retryable: bool
) -> None:
    kinesis.status, kinesis.answer = status, answer
    with pytest.raises(TransportError) as caught:
        kinesis.transport().get_records("events", "shardId-0", "iterator")
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


def test_an_endpoint_that_is_gone_may_be_tried_again(kinesis: Kinesis) -> None:
    transport = kinesis.transport()
    transport._url = "http://127.0.0.1:1"
    with pytest.raises(TransportError) as caught:
        transport.get_records("events", "shardId-0", "iterator")
    assert caught.value.retryable
