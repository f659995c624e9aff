"""The fast transport: PutRecords and GetRecords without most of what boto3 does for each call.

Checking and serialising the parameters, and parsing the reply, is where a boto3 call spends its
time. This transport writes the request itself, signs it with botocore's signer, sends it over
the boto3 client's own connections, and does not parse a reply which says that no record failed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
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
        self._bodies = _Bodies()
        # botocore gives a client's connections and credentials out by no public name.
        self._http = client._endpoint.http_session
        self._credentials = client._request_signer._credentials

    def put_records(self, stream: str, records: Sequence[Record]) -> Sequence[Outcome]:
        head = b'{"StreamName":' + orjson.dumps(stream)
        request = self._bodies.write(head, _request_parts(records))
        body = self._call("PutRecords", stream, request)
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

    def _call(self, operation: str, stream: str, body: bytes | memoryview) -> bytes:
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


class _Bodies(threading.local):
    """Where each thread writes its request bodies, one over the other.

    A body of megabytes in fresh memory costs more in page faults than everything else about it.
    """

    def __init__(self) -> None:
        self._buffer = BytesIO()

    def write(self, head: bytes, parts: Iterable[bytes]) -> memoryview:
        """The head and the parts in one, good until the next call in this thread."""
        self._buffer.seek(0)
        try:
            self._buffer.write(head)
        except BufferError:
            # The last body is still held, as by the traceback of a call that failed.
            self._buffer = BytesIO()
            self._buffer.write(head)
        self._buffer.writelines(parts)
        return self._buffer.getbuffer()[: self._buffer.tell()]


def _request_parts(records: Iterable[Record]) -> Iterator[bytes]:
    """The JSON of the call after the stream's name, each part made when the one before is written.

    So they all are made in the same memory, which is in the processor's cache.
    """
    head = b',"Records":[{"Data":"'
    for data, key in records:
        yield head
        yield pybase64.b64encode(data)
        yield b'","PartitionKey":'
        yield orjson.dumps(key)
        head = b'},{"Data":"'
    yield b"}]}"


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
