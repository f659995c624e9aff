"""The Lambda function of a delivery stream, called as Firehose calls it.

What is asked, answered and set aside follows the Amazon Data Firehose developer guide: "Transform
source data", "Required parameters for data transformation", "Handle failure in data
transformation" and the error codes of "Monitor Amazon Data Firehose using CloudWatch Logs".
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidelake.local.extension.firehose.buffering import Record
from tidelake.local.settings import REGION

_log = logging.getLogger("tidelake.firehose")

MAXIMUM_CALL_SECONDS = 300
"""Firehose waits for an invocation no longer than five minutes."""
_RESPONSE_BYTES = 6_291_556
"""Lambda's quota for what a synchronous call returns; above it, the call fails."""
_REQUEST_BYTES = 6_000_000
_ENTRY_BYTES = 250
"""A record's share of the request, besides its data."""
_PAUSE_SECONDS = 0.2


class ProcessingError(Exception):
    """Why a record, or a whole call, was not processed: Firehose's code and words for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class ProcessingFailure:
    """A record that was not transformed, as it came, and Firehose's reason."""

    record: Record
    error: ProcessingError
    attempts: int
    function_arn: str


@dataclass
class Transformed:
    """The records to deliver, with what the function made of them, and those to set aside.

    What the function dropped is in neither.
    """

    records: list[Record] = field(default_factory=list)
    failures: list[ProcessingFailure] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Processor:
    """How a delivery stream calls its function."""

    function_arn: str
    retries: int
    buffer_bytes: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Processor | None:
        """The Lambda processor of a destination's configuration; None where it has none."""
        processing = config.get("ProcessingConfiguration", {})
        if str(processing.get("Enabled")).lower() != "true":
            return None
        for processor in processing.get("Processors", []):
            if processor.get("Type") == "Lambda":
                given = {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}
                return cls(
                    function_arn=given["LambdaArn"],
                    retries=int(given.get("NumberOfRetries", 3)),
                    buffer_bytes=int(float(given.get("BufferSizeInMBs", 1)) * 2**20),
                )
        return None


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What a call brought: answers, or the reason for which there are none."""

    answers: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The answers to each record, of which there should be one."""
    failure: ProcessingError | None = None

    def kept(self, record: Record) -> list[Record]:
        """The record as it was answered, or none where it was dropped.

        Raises ProcessingError where it is to be set aside.
        """
        if self.failure is not None:
            raise ProcessingError(self.failure.code, self.failure.message)
        answers = self.answers.get(record.id, ())
        if len(answers) != 1:
            raise ProcessingError(*(_DUPLICATED if answers else _MISSING))
        [answer] = answers
        if answer["result"] == "ProcessingFailed":
            raise ProcessingError(*_STATUS)
        if answer["result"] == "Dropped":
            return []
        try:
            return [replace(record, data=base64.b64decode(answer["data"], validate=True))]
        except (KeyError, TypeError, binascii.Error):
            raise ProcessingError(*_FUNCTION_ERROR) from None


class LambdaTransformation:
    """Hands records to a function in batches and sorts them by its answers.

    `client` is a boto3 client of Lambda. The function's own wait for a full buffer is left out: a
    batch is handed over when it is due for delivery.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def apply(
        self,
        processor: Processor,
        envelope: Mapping[str, str],
        records: Sequence[Record],
        is_last_attempt: Callable[[], bool],
    ) -> Transformed:
        """Transform the records; `envelope` is what each request says of the delivery stream.

        A failed call is tried again `processor.retries` times, unless `is_last_attempt`.
        """
        transformed = Transformed()
        for batch in _batches(records, processor.buffer_bytes):
            attempts, outcome = self._attempt(processor, envelope, batch, is_last_attempt)
            for record in batch:
                try:
                    transformed.records += outcome.kept(record)
                except ProcessingError as error:
                    transformed.failures.append(
                        ProcessingFailure(record, error, attempts, processor.function_arn)
                    )
        return transformed

    def _attempt(
        self,
        processor: Processor,
        envelope: Mapping[str, str],
        batch: Sequence[Record],
        is_last_attempt: Callable[[], bool],
    ) -> tuple[int, _Outcome]:
        """Call until there are answers, or for the last time; also how often."""
        attempts = 1
        while True:
            try:
                return attempts, self._call(processor.function_arn, envelope, batch)
            except ProcessingError as error:
                if attempts > processor.retries or is_last_attempt():
                    _log.warning("%s: %d records are set aside", error.code, len(batch))
                    return attempts, _Outcome(failure=error)
            attempts += 1
            time.sleep(_PAUSE_SECONDS)

    def _call(
        self, function_arn: str, envelope: Mapping[str, str], batch: Sequence[Record]
    ) -> _Outcome:
        """Raises ProcessingError where the call failed, which is worth another."""
        request = {
            "invocationId": str(uuid.uuid4()),
            **envelope,
            "region": REGION,
            "records": [_wire(record) for record in batch],
        }
        try:
            reply = self._client.invoke(
                FunctionName=function_arn, Payload=json.dumps(request).encode()
            )
            payload: bytes = reply["Payload"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise ProcessingError(_CODES.get(code, "Lambda.InternalError"), str(error)) from error
        except BotoCoreError as error:
            raise ProcessingError("Lambda.FunctionTimedOut", str(error)) from error
        if "FunctionError" in reply or len(payload) > _RESPONSE_BYTES:
            raise ProcessingError(*_FUNCTION_ERROR)
        return _parsed(payload)


_CODES = {
    "ResourceNotFoundException": "Lambda.ResourceNotFound",
    "TooManyRequestsException": "Lambda.InvokeLimitExceeded",
}
_FUNCTION_ERROR = (
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
)
_MISSING = (
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all "
    "received record Ids.",
)
_DUPLICATED = (
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record ID. Ensure that the Lambda function "
    "returns unique record IDs for each record.",
)
_UNPARSABLE = (
    "Lambda.JsonProcessingException",
    "There was an error parsing returned records from the Lambda function. Ensure that the "
    "returned records follow the status model required by Amazon Data Firehose.",
)
_STATUS = ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
_RESULTS = ("Ok", "Dropped", "ProcessingFailed")


def _batches(records: Sequence[Record], buffer_bytes: int) -> Iterator[list[Record]]:
    """Runs of records, each within the function's buffer and within what a request may have."""
    batch: list[Record] = []
    data_bytes = request_bytes = 0
    for record in records:
        share = _ENTRY_BYTES + len(record.data) * 4 // 3
        full = data_bytes + len(record.data) > buffer_bytes
        if batch and (full or request_bytes + share > _REQUEST_BYTES):
            yield batch
            batch, data_bytes, request_bytes = [], 0, 0
        batch.append(record)
        data_bytes += len(record.data)
        request_bytes += share
    if batch:
        yield batch


def _wire(record: Record) -> dict[str, object]:
    return {
        "recordId": record.id,
        "approximateArrivalTimestamp": int(record.arrived * 1000),
        "data": base64.b64encode(record.data).decode(),
    }


def _parsed(payload: bytes) -> _Outcome:
    """The answers of a reply. One that is none is not asked for again: no call failed."""
    answers: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for answer in json.loads(payload)["records"]:
            if answer["result"] not in _RESULTS:
                raise ValueError
            answers.setdefault(answer["recordId"], []).append(answer)
    except (ValueError, KeyError, TypeError):
        return _Outcome(failure=ProcessingError(*_UNPARSABLE))
    return _Outcome(answers=answers)
