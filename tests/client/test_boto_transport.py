"""How boto3's failures look to the producer and the consumer."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from tidelake.client.boto_transport import BotoTransport
from tidelake.client.transport import Outcome, Record, Shard
from tidelake.contract.errors import TransportError

RECORDS = [Record(b"1", "a"), Record(b"2", "b")]


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "kinesis", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def stubber(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def put(client: Any) -> Sequence[Outcome]:
    return BotoTransport(client).put_records("events", RECORDS)


def test_each_record_has_its_outcome_in_order(client: Any, stubber: Stubber) -> None:
    stubber.add_response(
        "put_records",
        {
            "FailedRecordCount": 1,
            "Records": [
                {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."},
                {"SequenceNumber": "21", "ShardId": "shardId-000000000000"},
            ],
        },
    )
    assert put(client) == [
        Outcome("InternalFailure", "", ""),
        Outcome(None, "shardId-000000000000", "21"),
    ]


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("ProvisionedThroughputExceededException", 400, True),
        ("ThrottlingException", 400, True),
        ("LimitExceededException", 400, True),
        ("KMSThrottlingException", 400, True),
        ("InternalFailure", 500, True),
        ("ServiceUnavailable", 503, True),
        ("SomethingNew", 502, True),
        ("ResourceNotFoundException", 400, False),
        ("AccessDeniedException", 400, False),
        ("ExpiredTokenException", 400, False),
        ("ValidationException", 400, False),
    ],
)
def test_only_failures_that_pass_are_worth_another_attempt(
    client: Any, stubber: Stubber, code: str, status: int, retryable: bool
) -> None:
    stubber.add_client_error("put_records", code, "a secret", http_status_code=status)
    with pytest.raises(TransportError) as caught:
        put(client)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert str(caught.value) == f"PutRecords on data stream 'events' failed: {code}"


def test_a_reply_with_too_few_outcomes_counts_as_lost(client: Any, stubber: Stubber) -> None:
    stubber.add_response(
        "put_records", {"Records": [{"SequenceNumber": "21", "ShardId": "shardId-0"}]}
    )
    with pytest.raises(TransportError, match="IncompleteReply") as caught:
        put(client)
    assert caught.value.retryable


def test_a_closed_port_is_worth_another_attempt() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TransportError, match="EndpointConnectionError") as caught:
            put(stand_in(endpoint))
    assert caught.value.retryable


def test_an_endpoint_that_never_answers_is_worth_another_attempt() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TransportError, match="ReadTimeoutError") as caught:
            put(stand_in(endpoint))
    assert caught.value.retryable


def stand_in(endpoint: str) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, read_timeout=0.2, retries={"total_max_attempts": 1}),
    )


def test_missing_credentials_are_not_worth_another_attempt(
    client: Any,
) -> None:
    client._request_signer._credentials = None
    with pytest.raises(TransportError, match="NoCredentialsError") as caught:
        put(client)
    assert not caught.value.retryable


def test_the_transport_itself_never_repeats_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    transport = BotoTransport.connect(endpoint="http://127.0.0.1:1", region="us-east-1")
    config = transport._client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (5, 15)


def test_shards_come_with_their_parents_from_every_page(client: Any, stubber: Stubber) -> None:
    keys = {"HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"}}
    stubber.add_response(
        "list_shards",
        {
            "Shards": [
                {
                    "ShardId": "s0",
                    **keys,
                    "SequenceNumberRange": {
                        "StartingSequenceNumber": "1",
                        "EndingSequenceNumber": "9",
                    },
                }
            ],
            "NextToken": "more",
        },
        {"StreamName": "events"},
    )
    stubber.add_response(
        "list_shards",
        {
            "Shards": [
                {
                    "ShardId": "s2",
                    "ParentShardId": "s0",
                    "AdjacentParentShardId": "s1",
                    **keys,
                    "SequenceNumberRange": {"StartingSequenceNumber": "10"},
                }
            ]
        },
        {"NextToken": "more"},
    )
    assert BotoTransport(client).list_shards("events") == [
        Shard("s0", (), closed=True, ending_hash_key=1),
        Shard("s2", ("s0", "s1"), closed=False, ending_hash_key=1),
    ]
