"""The documentation of what is encrypted, who may do what, and what stays."""

from __future__ import annotations

from stacks.security_docs import DOCUMENT, security_markdown
from tests.infra.conftest import Synthesis


def document(synthesis: Synthesis) -> str:
    return security_markdown(
        {
            role.stack_name(synthesis.environment): template
            for role, template in synthesis.documents.items()
        }
    )


def test_the_documentation_is_current(prod: Synthesis) -> None:
    assert DOCUMENT.read_text() == document(prod), "run: python -m stacks.security_docs"


def test_the_documentation_names_the_key_of_the_lake(prod: Synthesis) -> None:
    assert "| `LakeBucket` | AWS::S3::Bucket | {LakeKey} |" in document(prod)
    assert "| `LakeAccessLogs` | AWS::S3::Bucket | S3's own (SSE-S3) |" in document(prod)


def test_the_documentation_says_who_may_write_manifests(prod: Synthesis) -> None:
    [row] = [
        line
        for line in document(prod).splitlines()
        if line.startswith("| `{TriggerSubmitRole}`") and "s3:PutObject" in line
    ]
    assert "`{LakeBucket}/manifests/*`" in row


def test_no_data_of_prod_is_without_a_key(prod: Synthesis) -> None:
    encrypted = document(prod).split("## Who may do what")[0]
    assert encrypted.count("{LakeKey}") >= 8
    assert "None" not in encrypted
