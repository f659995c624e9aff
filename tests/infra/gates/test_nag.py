"""cdk-nag: nothing is found that is not explained, and nothing explained that is not found."""

from __future__ import annotations

import re

import pytest

from stacks.acknowledgments import ACKNOWLEDGED, Acknowledged, is_part
from tests.infra.conftest import ENVIRONMENTS, cdk_context
from tests.infra.gates import nag
from tests.infra.gates.configurations import CONFIGURATIONS
from tests.infra.gates.nag import NagFinding


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[NagFinding]]:
    contexts = {environment: (environment, cdk_context()) for environment in ENVIRONMENTS}
    for name, sections in CONFIGURATIONS.items():
        context = cdk_context()
        context["environments"]["dev"] = sections
        contexts[name] = ("dev", context)
    return {
        name: nag.find(environment, tmp_path_factory.mktemp("nag"), context=context)
        for name, (environment, context) in contexts.items()
    }


@pytest.mark.parametrize("name", [*ENVIRONMENTS, *CONFIGURATIONS])
def test_every_finding_is_acknowledged(name: str, found: dict[str, set[NagFinding]]) -> None:
    assert [finding for finding in found[name] if not finding.is_acknowledged] == []


@pytest.mark.parametrize(
    "entry", ACKNOWLEDGED, ids=[f"{entry.rule}{entry.detail}" for entry in ACKNOWLEDGED]
)
def test_an_acknowledgment_still_explains_findings_wherever_it_says(
    entry: Acknowledged, found: dict[str, set[NagFinding]]
) -> None:
    explained = [
        finding.path
        for findings in found.values()
        for finding in findings
        if entry.explains(finding.rule, finding.detail, finding.path)
    ]
    stale = [place for place in entry.where if not any(is_part(path, place) for path in explained)]
    assert stale == []


@pytest.mark.parametrize("entry", ACKNOWLEDGED, ids=[entry.rule for entry in ACKNOWLEDGED])
def test_an_acknowledgment_gives_its_reason_in_a_sentence(entry: Acknowledged) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{40,}\.", entry.reason)


def test_packs_are_those_that_are_promised() -> None:
    assert [pack.name for pack in nag.packs("prod")] == ["AwsSolutions", "NIST.800.53.R5"]
    assert [pack.name for pack in nag.packs("dev")] == ["AwsSolutions"]
