"""A closed shard: what MiniStack's shards lack, as a field of its own in each."""

from __future__ import annotations

from typing import Any

from ministack.services import kinesis

END = "ending_sequence_number"
"""Set in a shard that was split or merged."""

Stream = dict[str, Any]
ShardState = dict[str, Any]


def is_open(shard: ShardState) -> bool:
    return END not in shard


def open_shards(stream: Stream) -> list[tuple[str, ShardState]]:
    """The open shards with their ids, in the order of their hash ranges."""
    found = [(shard_id, shard) for shard_id, shard in stream["shards"].items() if is_open(shard)]
    return sorted(found, key=lambda entry: low(entry[1]))


def low(shard: ShardState) -> int:
    return int(shard["starting_hash_key"])


def high(shard: ShardState) -> int:
    return int(shard["ending_hash_key"])


def close_shard(shard: ShardState) -> None:
    shard[END] = kinesis._next_sequence_number()


def add_shard(stream: Stream, lowest: int, highest: int, *parents: str) -> str:
    """A new open shard for the hash keys from `lowest` to `highest`, both included."""
    shard_id = f"shardId-{kinesis._max_shard_index(stream) + 1:012d}"
    stream["shards"][shard_id] = {
        "records": [],
        "starting_hash_key": str(lowest),
        "ending_hash_key": str(highest),
        "starting_sequence_number": kinesis._next_sequence_number(),
        "parent_shard_id": parents[0],
        "adjacent_parent_shard_id": parents[1] if len(parents) > 1 else None,
    }
    return shard_id


def parents_of(shard: ShardState) -> list[str]:
    found = (shard.get("parent_shard_id"), shard.get("adjacent_parent_shard_id"))
    return [parent for parent in found if parent]


def children_of(stream: Stream, shard_id: str) -> list[dict[str, Any]]:
    """The `ChildShards` of GetRecords and SubscribeToShard."""
    return [
        {
            "ShardId": child_id,
            "ParentShards": parents_of(child),
            "HashKeyRange": {
                "StartingHashKey": child["starting_hash_key"],
                "EndingHashKey": child["ending_hash_key"],
            },
        }
        for child_id, child in sorted(stream["shards"].items())
        if shard_id in parents_of(child)
    ]
