"""Kinesis with AWS's limit of one call, and without resharding.

MiniStack takes 5 MiB in one PutRecords, AWS 10 MiB, so larger calls are handed on in parts. Its own
resharding throws the parents' records away, so it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import kinesis
from ministack.services.cloudformation import provisioners

from tidelake.local.extension.replacing import replace_entry, replace_function
from tidelake.local.settings import LocalSettings

REFUSAL = "Resharding is not supported by the local AWS; deploy with another shard count instead."

MAX_CALL_BYTES = 10 * 2**20
"""PutRecords, partition keys included: "Quotas and limits", Kinesis Data Streams guide."""
MAX_PART_BYTES = 5 * 2**20
"""What MiniStack takes at once."""
MAX_RECORD_BYTES = 2**20


def install(_settings: LocalSettings) -> None:
    """Replace PutRecords, the three resharding calls and CloudFormation's update of a stream."""

    def put_records(data: dict[str, Any]) -> Any:
        records = data.get("Records", [])
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

    def refuse(data: dict[str, Any]) -> Any:  # noqa: ARG001  the parameter is MiniStack's
        return error_response_json("UnsupportedOperationException", REFUSAL, 400)

    for name in ("_split_shard", "_merge_shards", "_update_shard_count"):
        replace_function(kinesis, name, refuse)

    def update(
        physical_id: str, old_props: dict[str, Any], new_props: dict[str, Any], stack_name: str
    ) -> Any:
        if _shards(old_props) != _shards(new_props):
            raise ValueError(REFUSAL)
        return original(physical_id, old_props, new_props, stack_name)

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Kinesis::Stream"]
    original = replace_entry(handlers, "update", update, "_RESOURCE_HANDLERS[Kinesis::Stream]")


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


def _shards(properties: dict[str, Any]) -> int:
    """The shards of a provisioned stream; CloudFormation's default is 1."""
    return int(properties.get("ShardCount", 1))
