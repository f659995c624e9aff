"""Adding resource types to MiniStack's CloudFormation, on top of the service's own API.

A handler here calls the API over HTTP, as CloudFormation itself does, so that what a stack makes
is what any client sees. Such a call may not be made from the server's event loop: these types run
on worker threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape
from ministack.services.cloudformation import provisioners, stacks

from tidelake.local.endpoint import local_client
from tidelake.local.extension.replacing import replace_function, require_functions

Properties: TypeAlias = Mapping[str, Any]
Created: TypeAlias = tuple[str, dict[str, str]]
"""What `Ref` gives, and what `Fn::GetAtt` gives by attribute."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One type: what makes, changes and deletes a resource, and what must replace it.

    `create` takes a generated name and the properties; `update` the id, the old and the new
    properties, and returns None where only a new resource will do. A change of one of `replacing`
    always makes a new one. A delete of what is gone already must succeed.
    """

    name: str
    create: Callable[[str, Properties], Created]
    delete: Callable[[str, Properties], object]
    update: Callable[[str, Properties, Properties], Created | None] | None = None
    replacing: tuple[str, ...] = ()
    tagged: bool = False


class LocalApi:
    """Calls of the local AWS with template properties: unknown ones left out, types put right."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def call(self, service: str, operation: str, parameters: Properties) -> dict[str, Any]:
        """Call an operation; raises botocore's ClientError where the service refuses."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = local_client(service, self._endpoint)
        client = self._clients[service]
        shape = client.meta.service_model.operation_model(operation).input_shape
        reply: dict[str, Any] = getattr(client, xform_name(operation))(**typed(shape, parameters))
        return reply


def typed(shape: Shape, value: Any) -> Any:
    """A template's value as the API's shape wants it: templates may say "2" and "true"."""
    if isinstance(shape, StructureShape):
        return {k: typed(shape.members[k], v) for k, v in value.items() if k in shape.members}
    if isinstance(shape, ListShape):
        return [typed(shape.member, entry) for entry in value]
    if isinstance(shape, MapShape):
        return {str(key): typed(shape.value, entry) for key, entry in value.items()}
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    if shape.type_name in {"integer", "long"}:
        return int(value)
    if shape.type_name in {"float", "double"}:
        return float(value)
    if shape.type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if shape.type_name == "string" else value


def register(*types: ResourceType) -> None:
    """Let CloudFormation handle these types; raises LocalAwsError if MiniStack does not fit."""
    require_functions(provisioners, "_physical_name", "_replacing_change")
    for type_ in types:
        provisioners._RESOURCE_HANDLERS[type_.name] = _handlers(type_)
        provisioners._REPLACING_PROPERTIES[type_.name] = type_.replacing
        if type_.tagged:
            provisioners._STACK_TAG_PROPERTY[type_.name] = ("Tags", "list")
    ours = frozenset(type_.name for type_ in types)

    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type in ours or bool(known(resource_type))

    known = replace_function(stacks, "_runs_on_worker_thread", runs_on_worker_thread)


def _handlers(type_: ResourceType) -> dict[str, object]:
    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = provisioners._physical_name(stack_name, logical_id)
        return type_.create(name, properties)

    def update(
        physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str
    ) -> Created:
        changed = None if type_.update is None else type_.update(physical_id, old, new)
        # A new id tells CloudFormation to delete the old resource when the update has succeeded.
        return create(logical_id, new, stack_name) if changed is None else changed

    return {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": type_.delete,
    }
