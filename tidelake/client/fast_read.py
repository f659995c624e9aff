"""A faster way out: GetRecords past boto3's serialiser and parser, which cost more than the rest.

boto3's own signer signs the call, with credentials that are refreshed as ever; urllib3 keeps the
connection; orjson reads the answer. Everything else stays boto3's.
"""

from __future__ import annotations

from binascii import a2b_base64
from datetime import UTC, datetime
from typing import Any

import orjson
import urllib3
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from tidelake.client.boto_transport import (
    MAX_PAGE_RECORDS,
    RETRYABLE_CODES,
    BotoTransport,
)
from tidelake.client.transport import Page, ReceivedRecord
from tidelake.contract.errors import TransportError

_TIMEOUT = urllib3.Timeout(connect=5, read=15)


class FastReadTransport(BotoTransport):
    """BotoTransport with a GetRecords of its own; safe to share between threads."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._url: str = client.meta.endpoint_url
        self._signer = client._request_signer
        self._pool = urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT, retries=False)

    def get_records(self, stream: str, shard_id: str, iterator: str) -> Page:
        body = orjson.dumps({"ShardIterator": iterator, "Limit": MAX_PAGE_RECORDS})
        status, answer = self._post(stream, body)
        try:
            reply = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise _failed(stream, "UnreadableReply", retryable=True) from None
        if status != 200:
            named = reply.get("__type", "Unknown") if isinstance(reply, dict) else "Unknown"
            code = str(named).rpartition("#")[2]
            retryable = status >= 500 or code in RETRYABLE_CODES
            raise _failed(stream, code, retryable=retryable)
        return _page(reply, shard_id)

    def _post(self, stream: str, body: bytes) -> tuple[int, bytes]:
        request = AWSRequest(
            method="POST",
            url=self._url,
            data=body,
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "Kinesis_20131202.GetRecords",
            },
        )
        try:
            self._signer.sign("GetRecords", request)
            headers = dict(request.prepare().headers.items())
            answer = self._pool.request("POST", self._url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise _failed(stream, type(error).__name__, retryable=True) from error
        except BotoCoreError as error:
            raise _failed(stream, type(error).__name__, retryable=False) from error
        return answer.status, answer.data


def _page(reply: dict[str, Any], shard_id: str) -> Page:
    arrival = datetime.fromtimestamp
    records = [
        ReceivedRecord(
            a2b_base64(entry["Data"]),
            entry["PartitionKey"],
            entry["SequenceNumber"],
            shard_id,
            arrival(entry["ApproximateArrivalTimestamp"], UTC),
        )
        for entry in reply["Records"]
    ]
    # Some stand-ins of Kinesis write an empty string for an ended shard.
    going_on = reply.get("NextShardIterator")
    return Page(records, going_on if going_on else None, reply.get("MillisBehindLatest", 0))


def _failed(stream: str, code: str, *, retryable: bool) -> TransportError:
    return TransportError("GetRecords", stream, code, retryable=retryable)
