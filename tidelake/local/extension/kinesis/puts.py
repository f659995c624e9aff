"""PutRecords with AWS's limits: MiniStack takes 5 MiB at once, AWS 10 MiB.

MiniStack also takes calls without a record and keys without a character, which only the checks of a
boto3 client keep from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import kinesis

from tidelake.local.extension.replacing import replace_function

MAX_CALL_BYTES = 10 * 2**20
"""PutRecords, partition keys included: "Quotas and limits", Kinesis Data Streams guide."""
MAX_PART_BYTES = 5 * 2**20
"""What MiniStack takes at once."""
MAX_RECORD_BYTES = 2**20


def install() -> None:
    """Replace PutRecords: larger calls are handed on in parts, empty ones are refused."""

    def put_records(data: dict[str, Any]) -> Any:
        records = data.get("Records", [])
        if not records or not all(record.get("PartitionKey") for record in records):
            return error_response_json(
                "ValidationException", "records and partition keys must not be empty", 400
            )
        sizes = [_size(record) for record in records]
        if sum(sizes) > MAX_CALL_BYTES:
            return error_response_json(
                "InvalidArgumentException", "Records size exceeds 10 MB limit", 400
            )
        if sum(sizes) <= MAX_PART_BYTES or max(sizes) > MAX_RECORD_BYTES or len(records) > 500:
            return put_at_once(data)
        replies = [put_at_once(data | {"Records": part}) for part in _parts(records, sizes)]
        return _joined(replies)

    put_at_once = replace_function(kinesis, "_put_records", put_records)


def _size(record: dict[str, Any]) -> int:
    """Bytes of a record and its key; the data is base64 here."""
    data: str = record.get("Data", "")
    return len(data) * 3 // 4 - data[-2:].count("=") + len(record.get("PartitionKey", "").encode())


def _parts(records: list[dict[str, Any]], sizes: list[int]) -> Iterator[list[dict[str, Any]]]:
    start = total = 0
    for index, size in enumerate(sizes):
        if total + size > MAX_PART_BYTES:
            yield records[start:index]
            start, total = index, 0
        total += size
    yield records[start:]


def _joined(replies: list[Any]) -> Any:
    """One reply about all the records, in order; a refusal of any part stands for all."""
    for reply in replies:
        if reply[0] != 200:
            return reply
    documents = [json.loads(body) for _status, _headers, body in replies]
    results = [entry for document in documents for entry in document["Records"]]
    return json_response(documents[0] | {"Records": results})
