"""Kinesis that refuses to reshard: MiniStack's own way throws the parents' records away."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import kinesis
from ministack.services.cloudformation import provisioners

from tidelake.local.extension.replacing import replace_entry, replace_function
from tidelake.local.settings import LocalSettings

REFUSAL = "Resharding is not supported by the local AWS; deploy with another shard count instead."


def install(_settings: LocalSettings) -> None:
    """Replace the three resharding calls and CloudFormation's update of a stream."""

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


def _shards(properties: dict[str, Any]) -> int:
    """The shards of a provisioned stream; CloudFormation's default is 1."""
    return int(properties.get("ShardCount", 1))
