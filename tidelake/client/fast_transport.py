"""The fast transport: PutRecords without most of what boto3 does for each call.

Checking and serialising the parameters, and parsing the reply, is where a boto3 call spends its
time. This transport writes the request itself, signs it with botocore's signer, sends it over
the boto3 client's own connections, and does not parse a reply which says that no record failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pybase64
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from tidelake.client.boto_transport import RETRYABLE_CODES, BotoTransport, transport_errors
from tidelake.client.transport import AllStored, Outcome, Record
from tidelake.contract.errors import ConfigurationError, TransportError

_NONE_FAILED = b'"FailedRecordCount":0'
_STORED = b'"SequenceNumber"'
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "Kinesis_20131202.PutRecords",
}


class FastTransport(BotoTransport):
    """Puts records with the least work, and reads as boto3 does; safe to share between threads.

    Endpoint, credentials and their refresh, timeouts, proxies and certificates are those of the
    boto3 client. Its event handlers and retries see nothing of the puts.
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
        with transport_errors("PutRecords", stream):
            status, body = self._post(_request_body(stream, records))
        if status >= 300:
            raise _refusal(stream, status, body)
        if _NONE_FAILED in body and body.count(_STORED) == len(records):
            return AllStored(len(records), lambda: _outcomes(stream, body))
        outcomes = _outcomes(stream, body)
        if len(outcomes) != len(records):
            raise TransportError("PutRecords", stream, "IncompleteReply", retryable=True)
        return outcomes

    def _post(self, body: bytes) -> tuple[int, bytes]:
        request = AWSRequest(method="POST", url=self._url, data=body, headers=_HEADERS)
        if self._credentials is None:
            raise NoCredentialsError
        frozen = self._credentials.get_frozen_credentials()
        SigV4Auth(frozen, "kinesis", self._region).add_auth(request)
        response = self._http.send(request.prepare())
        return response.status_code, response.content


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


def _refusal(stream: str, status: int, body: bytes) -> TransportError:
    """The error of a whole call. Its text, which may quote data, stays out."""
    try:
        code = str(orjson.loads(body)["__type"]).rpartition("#")[2]
    except (ValueError, KeyError, TypeError):
        code = f"HTTP{status}"
    retryable = code in RETRYABLE_CODES or status >= 500
    return TransportError("PutRecords", stream, code, retryable=retryable)
