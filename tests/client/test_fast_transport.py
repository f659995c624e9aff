"""The fast transport: what it sends, and how it reads what comes back."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tidelake.client.boto_transport import BotoTransport
from tidelake.client.fast_transport import FastTransport
from tidelake.client.transport import AllStored, Outcome, Record
from tidelake.contract.errors import ConfigurationError, TransportError
from tidelake.local.endpoint import local_client

RECORDS = [Record(b"one \xff", "a"), Record(b"two", 'k\xe9y"\\')]
STORED = {"SequenceNumber": "7", "ShardId": "shardId-000000000001"}


class Server:
    """An endpoint that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.reply = b""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()
        self.endpoint = ""


@contextmanager
def serving() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append((dict(self.headers.items()), body))
            state.connections.add(self.client_address)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.reply)))
            self.end_headers()
            self.wfile.write(state.reply)

        def log_message(self, *_: Any) -> None:
            """Nothing on the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


def reply(failed: int, *results: dict[str, str]) -> bytes:
    body = {"FailedRecordCount": failed, "Records": list(results)}
    return json.dumps(body, separators=(",", ":")).encode()


def put(server: Server, kind: type[BotoTransport] = FastTransport) -> Any:
    return kind(local_client("kinesis", server.endpoint)).put_records("events", RECORDS)


def test_the_call_is_the_one_that_boto3_makes(server: Server) -> None:
    server.reply = reply(0, STORED, STORED)
    put(server)
    put(server, BotoTransport)
    (ours, our_body), (theirs, their_body) = server.requests
    assert json.loads(our_body) == json.loads(their_body)
    assert json.loads(our_body)["Records"][0]["Data"] == base64.b64encode(b"one \xff").decode()
    for name in ("Content-Type", "X-Amz-Target"):
        assert ours[name] == theirs[name]
    scope = "AWS4-HMAC-SHA256 Credential=test/"
    assert ours["Authorization"].startswith(scope)
    assert theirs["Authorization"].startswith(scope)


def test_the_signature_is_botocores(server: Server) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    server.reply = reply(0, STORED, STORED)
    put(server)
    headers, body = server.requests[0]
    request = AWSRequest("POST", server.endpoint + "/", data=body)
    signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    for name in signed:
        request.headers[name] = {key.lower(): value for key, value in headers.items()}[name]
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials("test", "test"), "kinesis", "us-east-1")
    signature = signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)), request
    )
    assert headers["Authorization"].endswith(f"Signature={signature}")


def test_a_reply_without_failures_is_not_parsed_until_looked_at(server: Server) -> None:
    server.reply = reply(0, STORED, STORED)
    outcomes = put(server)
    assert isinstance(outcomes, AllStored)
    assert len(outcomes) == 2
    assert list(outcomes) == [Outcome(None, "shardId-000000000001", "7")] * 2


def test_each_record_has_its_own_outcome(server: Server) -> None:
    throttled = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "x"}
    server.reply = reply(1, throttled, STORED)
    assert list(put(server)) == [
        Outcome("ProvisionedThroughputExceededException", "", ""),
        Outcome(None, "shardId-000000000001", "7"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (400, b'{"__type":"ValidationException","message":"secret"}', "ValidationException", False),
        (400, b'{"__type":"x#ResourceNotFoundException"}', "ResourceNotFoundException", False),
        (400, b'{"__type":"AccessDeniedException"}', "AccessDeniedException", False),
        (400, b'{"__type":"LimitExceededException"}', "LimitExceededException", True),
        (500, b'{"__type":"InternalFailure"}', "InternalFailure", True),
        (503, b"<html>", "HTTP503", True),
        (200, b"{", "UnreadableReply", True),
        (200, b'{"Records":[1]}', "UnreadableReply", True),
        (200, reply(0, STORED), "IncompleteReply", True),
    ],
)
def test_a_failed_call_is_told_by_its_code_alone(
    server: Server, status: int, body: bytes, code: str, retryable: bool
) -> None:
    server.status, server.reply = status, body
    with pytest.raises(TransportError) as caught:
        put(server)
    assert str(caught.value) == f"PutRecords on data stream 'events' failed: {code}"
    assert caught.value.retryable is retryable


def test_an_endpoint_that_is_not_there_can_be_tried_again() -> None:
    with serving() as gone:
        endpoint = gone.endpoint
    transport = FastTransport(local_client("kinesis", endpoint))
    with pytest.raises(TransportError, match="EndpointConnectionError") as caught:
        transport.put_records("events", RECORDS)
    assert caught.value.retryable


def test_calls_share_a_connection(server: Server) -> None:
    server.reply = reply(0, STORED, STORED)
    transport = FastTransport(local_client("kinesis", server.endpoint))
    for _ in range(5):
        transport.put_records("events", RECORDS)
    assert len(server.connections) == 1


def test_calls_go_through_the_proxy_that_boto3_would_use(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.reply = reply(0, STORED, STORED)
    monkeypatch.setenv("HTTP_PROXY", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    transport = FastTransport.connect(endpoint="http://kinesis.invalid", region="us-east-1")
    transport.put_records("events", RECORDS)
    assert server.requests[0][0]["Host"] == "kinesis.invalid"


def test_credentials_are_asked_for_at_each_call(server: Server) -> None:
    server.reply = reply(0, STORED, STORED)
    client = local_client("kinesis", server.endpoint)
    transport = FastTransport(client)
    transport.put_records("events", RECORDS)
    client._request_signer._credentials.access_key = "renewed"
    transport.put_records("events", RECORDS)
    keys = [headers["Authorization"].partition("=")[2][:7] for headers, _ in server.requests]
    assert keys == ["test/20", "renewed"]


def test_without_credentials_the_call_fails_for_good(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = local_client("kinesis", server.endpoint)
    monkeypatch.setattr(client._request_signer, "_credentials", None)
    with pytest.raises(TransportError, match="NoCredentialsError") as caught:
        FastTransport(client).put_records("events", RECORDS)
    assert not caught.value.retryable


def test_a_client_that_does_not_sign_is_refused() -> None:
    client = boto3.client(
        "kinesis", region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    with pytest.raises(ConfigurationError, match="allowed: v4, or the transport boto3"):
        FastTransport(client)
