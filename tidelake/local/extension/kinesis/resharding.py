"""SplitShard, MergeShards and UpdateShardCount that keep every record.

Refused is what AWS refuses ("UpdateShardCount", "SplitShard", "MergeShards" in the Kinesis API
reference). Unlike on AWS a stream is ACTIVE again at once.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import kinesis

from tidelake.local.extension.kinesis.shards import (
    Stream,
    add_shard,
    close_shard,
    high,
    is_open,
    low,
    open_shards,
)
from tidelake.local.extension.replacing import replace_function, require_functions

MAX_UPDATES_A_DAY = 10
DAY_SECONDS = 86_400
_UPDATES = "shard_count_updates"


class RefusalError(Exception):
    """A call that AWS refuses, by its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def install() -> None:
    """Replace the three calls, and the choice of the shard that a record goes to."""
    require_functions(kinesis, "_resolve_stream", "_next_sequence_number", "_max_shard_index")
    require_functions(kinesis, "_compute_hash_ranges")
    replace_function(kinesis, "_split_shard", _split_shard)
    replace_function(kinesis, "_merge_shards", _merge_shards)
    replace_function(kinesis, "_update_shard_count", _update_shard_count)
    replace_function(kinesis, "_route_to_shard", _route_to_shard)


def _route_to_shard(hash_key_int: int, stream: Stream) -> str:
    for shard_id, shard in open_shards(stream):
        if low(shard) <= hash_key_int <= high(shard):
            return shard_id
    raise AssertionError("the open shards cover all hash keys")


def _split_shard(data: dict[str, Any]) -> Any:
    try:
        stream = _provisioned_stream(data)
        shard_id = _open_shard_id(stream, data.get("ShardToSplit"))
        key = int(data.get("NewStartingHashKey", 0))
        shard = stream["shards"][shard_id]
        if not low(shard) < key <= high(shard):
            raise RefusalError(
                "InvalidArgumentException",
                f"NewStartingHashKey {key} is not in the hash key range of shard {shard_id}, "
                "or is its first",
            )
        split(stream, shard_id, key)
    except RefusalError as refusal:
        return error_response_json(refusal.code, str(refusal), 400)
    return json_response({})


def _merge_shards(data: dict[str, Any]) -> Any:
    try:
        stream = _provisioned_stream(data)
        first = _open_shard_id(stream, data.get("ShardToMerge"))
        second = _open_shard_id(stream, data.get("AdjacentShardToMerge"))
        left, right = sorted((first, second), key=lambda s: low(stream["shards"][s]))
        if high(stream["shards"][left]) + 1 != low(stream["shards"][right]):
            raise RefusalError(
                "InvalidArgumentException", f"Shards {first} and {second} are not adjacent"
            )
        merge(stream, first, second)
    except RefusalError as refusal:
        return error_response_json(refusal.code, str(refusal), 400)
    return json_response({})


def _update_shard_count(data: dict[str, Any]) -> Any:
    try:
        stream = _provisioned_stream(data)
        current = len(open_shards(stream))
        target = int(data.get("TargetShardCount", 0))
        update_shard_count(stream, target)
    except RefusalError as refusal:
        return error_response_json(refusal.code, str(refusal), 400)
    return json_response(
        {
            "StreamName": stream["StreamName"],
            "CurrentShardCount": current,
            "TargetShardCount": target,
            "StreamARN": stream["StreamARN"],
        }
    )


def update_shard_count(stream: Stream, target: int) -> None:
    """Make `target` shards of equal ranges, by splits and merges; RefusalError as on AWS."""
    current = len(open_shards(stream))
    now = time.time()
    recent = [at for at in stream.get(_UPDATES, []) if now - at < DAY_SECONDS]
    if target < 1:
        raise RefusalError("InvalidArgumentException", "TargetShardCount must be 1 or more")
    counts = f"Current open shard count: {current} Target shard count: {target}"
    if target > 2 * current:
        message = "UpdateShardCount cannot scale up over double your current open shard count. "
        raise RefusalError("LimitExceededException", message + counts)
    if 2 * target < current:
        message = "UpdateShardCount cannot scale down below half your current open shard count. "
        raise RefusalError("LimitExceededException", message + counts)
    if len(recent) >= MAX_UPDATES_A_DAY:
        raise RefusalError("LimitExceededException", "UpdateShardCount: 10 in 24 hours are allowed")
    stream[_UPDATES] = [*recent, now]
    for start, end in kinesis._compute_hash_ranges(target):
        _make_one_shard(stream, int(start), int(end))


def _make_one_shard(stream: Stream, start: int, end: int) -> None:
    """One open shard for exactly that range, whatever covers it now."""
    for border in (start, end + 1):
        for shard_id, shard in open_shards(stream):
            if low(shard) < border <= high(shard):
                split(stream, shard_id, border)
    pieces = [shard_id for shard_id, shard in open_shards(stream) if start <= low(shard) <= end]
    while len(pieces) > 1:
        pieces[:2] = [merge(stream, pieces[0], pieces[1])]


def split(stream: Stream, shard_id: str, key: int) -> None:
    """Close a shard; two children take over its hash keys below and from `key`."""
    shard = stream["shards"][shard_id]
    close_shard(shard)
    add_shard(stream, low(shard), key - 1, shard_id)
    add_shard(stream, key, high(shard), shard_id)


def merge(stream: Stream, first_id: str, second_id: str) -> str:
    """Close two neighbours; one child takes over. Returns its id."""
    first, second = stream["shards"][first_id], stream["shards"][second_id]
    close_shard(first)
    close_shard(second)
    lowest, highest = min(low(first), low(second)), max(high(first), high(second))
    return add_shard(stream, lowest, highest, first_id, second_id)


def _provisioned_stream(data: dict[str, Any]) -> Stream:
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        raise RefusalError("ResourceNotFoundException", f"Stream {name} not found")
    if stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
        raise RefusalError(
            "ValidationException", f"Stream {name} is in on-demand mode, which scales by itself"
        )
    found: Stream = stream
    return found


def _open_shard_id(stream: Stream, shard_id: str | None) -> str:
    if shard_id is None or shard_id not in stream["shards"]:
        raise RefusalError("ResourceNotFoundException", f"Shard {shard_id} not found")
    if not is_open(stream["shards"][shard_id]):
        raise RefusalError(
            "InvalidArgumentException", f"Shard {shard_id} has already been merged or split"
        )
    return shard_id
