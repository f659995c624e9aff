"""Lints the policies of the templates with parliament, which knows each service's IAM reference."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import parliament  # type: ignore[import-untyped]  # ships no type information

from stacks.template_references import Document, Templates

_PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::URLSuffix": "amazonaws.com",
}
_IN_REGION = "eu-central-1:123456789012"
_ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_IN_REGION}:table/name",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/name",
    "AWS::KMS::Key": f"arn:aws:kms:{_IN_REGION}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "AWS::Kinesis::Stream": f"arn:aws:kinesis:{_IN_REGION}:stream/name",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_IN_REGION}:function:name",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_IN_REGION}:log-group:name:*",
    "AWS::S3::Bucket": "arn:aws:s3:::name",
    "AWS::SNS::Topic": f"arn:aws:sns:{_IN_REGION}:name",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_IN_REGION}:name",
}


def findings(documents: Mapping[str, Document]) -> list[str]:
    """What parliament finds in the policies of roles, each with stack, policy and problem."""
    templates = Templates(documents)
    return [
        f"{stack}: {name}: {finding.issue} {finding.detail}"
        for stack, document in documents.items()
        for name, resource in document["Resources"].items()
        for policy in _policies(resource)
        for finding in parliament.analyze_policy_string(
            json.dumps(_filled_in(policy, stack, templates))
        ).findings
    ]


def _policies(resource: Document) -> Iterator[Document]:
    properties = resource.get("Properties", {})
    if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
        yield properties["PolicyDocument"]
    for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
        yield policy["PolicyDocument"]


def _filled_in(value: Any, stack: str, templates: Templates) -> Any:
    """The value as a deployment would have it, with an example for each reference."""
    if isinstance(value, list):
        return [_filled_in(entry, stack, templates) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if "Fn::Join" in value:
        separator, pieces = value["Fn::Join"]
        return separator.join(_filled_in(piece, stack, templates) for piece in pieces)
    if "Fn::Sub" in value:
        text = value["Fn::Sub"]
        for name, example in _PSEUDO.items():
            text = text.replace(f"${{{name}}}", example)
        return text
    if value.get("Ref") in _PSEUDO:
        return _PSEUDO[value["Ref"]]
    if len(value) == 1 and next(iter(value)) in {"Ref", "Fn::GetAtt", "Fn::GetStackOutput"}:
        [meant] = templates.resources_meant(value, stack)
        return "name" if "Ref" in value else _ARNS[meant["Type"]]
    return {key: _filled_in(entry, stack, templates) for key, entry in value.items()}
