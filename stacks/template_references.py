"""Follows references through the templates of one app to the resources that they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Templates:
    """The templates of one app, by the names of their stacks."""

    documents: Mapping[str, Document]

    def resources_meant(self, value: Any, stack: str) -> list[Document]:
        """The resources that `value`, in the template of `stack`, refers to; none for text.

        Follows `Ref`, `Fn::GetAtt`, outputs of other stacks, and parameters that are read from
        Systems Manager where one of the templates writes them.
        """
        return [
            resource
            for kind, target in _references(value)
            for resource in self._follow(kind, target, stack)
        ]

    def have(self, resource_type: str) -> bool:
        """Whether any of the templates has a resource of that type."""
        return any(resource["Type"] == resource_type for resource in self._resources())

    def tells_a_function(self, variable: str, value: object) -> bool:
        """Whether a function has that value in an environment variable."""
        return any(
            resource["Properties"].get("Environment", {}).get("Variables", {}).get(variable)
            == value
            for resource in self._resources()
            if resource["Type"] == "AWS::Lambda::Function"
        )

    def _resources(self) -> Iterator[Document]:
        for document in self.documents.values():
            yield from document["Resources"].values()

    def _follow(self, kind: str, target: Any, stack: str) -> list[Document]:
        document = self.documents[stack]
        if kind == "Fn::GetStackOutput":
            output = self.documents[target["StackName"]]["Outputs"][target["OutputName"]]
            return self.resources_meant(output["Value"], target["StackName"])
        name = target[0] if isinstance(target, list) else str(target).split(".")[0]
        if name in document["Resources"]:
            return [document["Resources"][name]]
        parameter = document.get("Parameters", {}).get(name, {})
        return [
            resource
            for owner, resource_value in self._written_parameters(parameter.get("Default"))
            for resource in self.resources_meant(resource_value, owner)
        ]

    def _written_parameters(self, name: object) -> Iterator[tuple[str, Any]]:
        """The stack that writes the Systems Manager parameter of that name, and the value."""
        for stack, document in self.documents.items():
            for resource in document["Resources"].values():
                properties = resource.get("Properties", {})
                if resource["Type"] == "AWS::SSM::Parameter" and properties.get("Name") == name:
                    yield stack, properties["Value"]


def _references(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for entry in value:
            yield from _references(entry)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            if key in {"Ref", "Fn::GetAtt", "Fn::GetStackOutput"}:
                yield key, entry
            else:
                yield from _references(entry)


def rendered(value: Any) -> tuple[str, dict[str, Any]]:
    """A value that may be joined of pieces, as text with a mark for each reference in it.

    Also gives what each mark stands for.
    """
    separator, pieces = value["Fn::Join"] if _is_join(value) else ("", [value])
    marks: dict[str, Any] = {}
    texts = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
        else:
            mark = f"<reference {len(marks)}>"
            marks[mark] = piece
            texts.append(mark)
    return separator.join(texts), marks


def _is_join(value: Any) -> bool:
    return isinstance(value, Mapping) and "Fn::Join" in value
