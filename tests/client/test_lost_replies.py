"""What was stored while its reply was lost comes again, under the same event ids."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.client.losing_proxy import losing_proxy
from tests.conftest import LocalAwsUnderTest
from tidelake import cli
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.consumer import Consumer

LINE = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /{} HTTP/1.1" 200 512\n'

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("transport", ["fast", "boto3"])
def test_a_call_whose_reply_is_lost_makes_duplicates_that_share_their_id_and_loses_nothing(
    transport: str,
    local_aws: LocalAwsUnderTest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, receipts = tmp_path / "access.log", tmp_path / "receipts"
    log.write_text("".join(LINE.format(number) for number in range(3_000)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client, stream = local_aws.client("kinesis"), f"events-{transport}"
    client.create_stream(StreamName=stream, ShardCount=2)
    client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    with losing_proxy(local_aws.endpoint, loses=lambda number: number in (1, 3, 4)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy)
        status = cli.main(
            ["send", "--file", str(log), "--environment", "dev", "--stream", stream,
             "--transport", transport, "--receipts", str(receipts),
             "--dead-letters", str(tmp_path / "dead.jsonl")]
        )  # fmt: skip
    stored = [
        json.loads(record.data) for record in Consumer(BotoTransport(client), stream).read_to_tip()
    ]

    assert status == 0
    assert {event["event_id"] for event in stored} == set(receipts.read_text().split())
    assert {event["target"] for event in stored} == {f"/{number}" for number in range(3_000)}
    copies = Counter(event["event_id"] for event in stored)
    assert len(copies) == 3_000
    assert sum(copies.values()) == 3_000 + 3 * 500
