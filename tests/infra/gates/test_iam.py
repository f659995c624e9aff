"""The IAM linter over every policy."""

from __future__ import annotations

from stacks.template_references import Document
from tests.infra.conftest import Synthesis
from tests.infra.gates import iam


def documents(synthesis: Synthesis) -> dict[str, Document]:
    return {
        role.stack_name(synthesis.environment): document
        for role, document in synthesis.documents.items()
    }


def test_no_policy_has_a_finding(synthesis: Synthesis) -> None:
    assert iam.findings(documents(synthesis)) == []


def policy(action: str, resource: object) -> dict[str, Document]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {
        "planted": {
            "Resources": {
                "Planted": {
                    "Type": "AWS::IAM::Policy",
                    "Properties": {
                        "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}
                    },
                }
            }
        }
    }


def test_an_invented_action_is_named() -> None:
    [finding] = iam.findings(policy("kinesis:ReadRecords", "*"))
    assert finding.startswith("planted: Planted: UNKNOWN_ACTION")


def test_an_action_on_what_it_does_not_apply_to_is_named() -> None:
    [finding] = iam.findings(policy("sqs:SendMessage", "arn:aws:s3:::name"))
    assert finding.startswith("planted: Planted: RESOURCE_MISMATCH")
