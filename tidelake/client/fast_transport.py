"""The fast transport: PutRecords and GetRecords without most of what boto3 does for each call.

Checking and serialising the parameters, and parsing the reply, is where a boto3 call spends its
time. This transport writes the request itself, signs it with botocore's signer, sends it over
the boto3 client's own connections, and does not parse a reply which says that no record failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pybase64
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from tidelake.client.boto_transport import (
    MAX_PAGE_RECORDS,
    RETRYABLE_CODES,
    BotoTransport,
    transport_errors,
)
from tidelake.client.transport import AllStored, Outcome, Page, ReceivedRecord, Record
from tidelake.contract.errors import ConfigurationError, TransportError

_NONE_FAILED = b'"FailedRecordCount":0'
_STORED = b'"SequenceNumber"'


class FastTransport(BotoTransport):
    """Puts and reads records with the least work; safe to share between threads.

    Endpoint, credentials and their refresh, timeouts, proxies and certificates are those of the
    boto3 client. Its event handlers and retries see nothing of these calls.
    """

    def __init__(self, client: Any) -> None:
        """Raises ConfigurationError unless the client signs as AWS's own endpoints want it."""
        super().__init__(client)
        meta = client.meta
        version = meta.config.signature_version
        if version != "v4":
            raise ConfigurationError("signature_version", version, "v4, or the transport boto3")
        self._url = meta.endpoint_url.rstrip("/") + "/"
        self._region = meta.region_name
        # botocore gives a client's connections and credentials out by no public name.
        self._http = client._endpoint.http_session
        self._credentials = client._request_signer._credentials

    def put_records(self, stream: str, records: Sequence[Record]) -> Sequence[Outcome]:
        body = self._call("PutRecords", stream, _request_body(stream, records))
        if _NONE_FAILED in body and body.count(_STORED) == len(records):
            return AllStored(len(records), lambda: _outcomes(stream, body))
        outcomes = _outcomes(stream, body)
        if len(outcomes) != len(records):
            raise TransportError("PutRecords", stream, "IncompleteReply", retryable=True)
        return outcomes

    def get_records(self, stream: str, shard_id: str, iterator: str) -> Page:
        query = orjson.dumps({"ShardIterator": iterator, "Limit": MAX_PAGE_RECORDS})
        body = self._call("GetRecords", stream, query)
        try:
            return _page(orjson.loads(body), shard_id)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TransportError("GetRecords", stream, "UnreadableReply", retryable=True) from error

    def _call(self, operation: str, stream: str, body: bytes) -> bytes:
        """The body of a reply that is no refusal."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"Kinesis_20131202.{operation}",
        }
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        with transport_errors(operation, stream):
            if self._credentials is None:
                raise NoCredentialsError
            frozen = self._credentials.get_frozen_credentials()
            SigV4Auth(frozen, "kinesis", self._region).add_auth(request)
            response = self._http.send(request.prepare())
            reply: bytes = response.content
        if response.status_code >= 300:
            raise _refusal(operation, stream, response.status_code, reply)
        return reply


def _request_body(stream: str, records: Sequence[Record]) -> bytes:
    """The JSON of the call, put together in one go: copying bodies of megabytes is what costs."""
    parts: list[bytes] = []
    for data, key in records:
        parts += (
            b',{"Data":"',
            pybase64.b64encode(data),
            b'","PartitionKey":',
            orjson.dumps(key),
            b"}",
        )
    parts[:1] = [b'{"StreamName":%b,"Records":[{"Data":"' % orjson.dumps(stream)]
    return b"".join((*parts, b"]}"))


def _outcomes(stream: str, body: bytes) -> list[Outcome]:
    try:
        results = orjson.loads(body)["Records"]
        return [
            Outcome(
                result.get("ErrorCode"), result.get("ShardId", ""), result.get("SequenceNumber", "")
            )
            for result in results
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransportError("PutRecords", stream, "UnreadableReply", retryable=True) from error


def _page(reply: dict[str, Any], shard_id: str) -> Page:
    arrival = datetime.fromtimestamp
    records = [
        ReceivedRecord(
            pybase64.b64decode(entry["Data"]),
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


def _refusal(operation: str, stream: str, status: int, body: bytes) -> TransportError:
    """The error of a whole call. Its text, which may quote data, stays out."""
    try:
        code = str(orjson.loads(body)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError):
        code = f"HTTP{status}"
    retryable = code in RETRYABLE_CODES or status >= 500
    return TransportError(operation, stream, code, retryable=retryable)
