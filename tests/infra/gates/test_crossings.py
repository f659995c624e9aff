"""What crosses stacks: a change that replaces a resource deploys in one go.

CloudFormation changes no export that another stack imports, and sees no change in a stack that
reads an output under the same name. What a change may replace therefore crosses by a parameter of
Systems Manager, which is read anew at every deployment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from stacks.template_references import Document, Templates
from tests.infra.gates.apps import SynthesizedApp
from tests.infra.gates.configurations import described
from tests.infra.gates.conftest import APPS

# Their data keeps these from being replaced: no option does so.
STATEFUL = {
    *("AWS::DynamoDB::Table", "AWS::Glue::Table", "AWS::KMS::Key", "AWS::Kinesis::Stream"),
    "AWS::S3::Bucket",
}


def outputs_read(value: Any) -> Iterator[Document]:
    """Every reference in a template to an output of another stack."""
    if isinstance(value, list):
        for entry in value:
            yield from outputs_read(entry)
    elif isinstance(value, Mapping):
        if "Fn::GetStackOutput" in value:
            yield value
        for entry in value.values():
            yield from outputs_read(entry)


@pytest.mark.parametrize("name", APPS)
def test_only_what_no_change_replaces_crosses_stacks_as_an_output(
    name: str, gated: dict[str, SynthesizedApp]
) -> None:
    documents = gated[name].documents
    templates = Templates(documents)
    crossing = {
        resource["Type"]
        for stack, document in documents.items()
        for reference in outputs_read(document)
        for resource in templates.resources_meant(reference, stack)
    }
    assert crossing != set()
    assert crossing <= STATEFUL, described(name)


@pytest.mark.parametrize("name", APPS)
def test_nothing_is_exported_or_imported(name: str, gated: dict[str, SynthesizedApp]) -> None:
    text = json.dumps(list(gated[name].documents.values()))
    assert '"Fn::ImportValue"' not in text
    assert '"Export"' not in text
