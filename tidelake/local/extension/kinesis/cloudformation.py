"""A stack update that changes the shard count reshards the stream, within AWS's limits."""

from __future__ import annotations

from typing import Any

from ministack.services import kinesis
from ministack.services.cloudformation import provisioners

from tidelake.local.extension.kinesis.resharding import RefusalError, update_shard_count
from tidelake.local.extension.replacing import replace_entry


def install() -> None:
    """Replace CloudFormation's update of a stream."""

    def update(
        physical_id: str, old_props: dict[str, Any], new_props: dict[str, Any], stack_name: str
    ) -> Any:
        shards = _shards(new_props)
        if (
            _is_provisioned(old_props)
            and _is_provisioned(new_props)
            and shards != _shards(old_props)
        ):
            try:
                update_shard_count(kinesis._streams[physical_id], shards)
            except RefusalError as refusal:
                raise ValueError(f"{refusal.code}: {refusal}") from refusal
        return original(physical_id, old_props, new_props, stack_name)

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Kinesis::Stream"]
    original = replace_entry(handlers, "update", update, "_RESOURCE_HANDLERS[Kinesis::Stream]")


def _shards(properties: dict[str, Any]) -> int:
    """The shards of a provisioned stream; CloudFormation's default is 1."""
    return int(properties.get("ShardCount", 1))


def _is_provisioned(properties: dict[str, Any]) -> bool:
    mode = properties.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    return bool(mode == "PROVISIONED")
