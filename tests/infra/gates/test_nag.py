"""cdk-nag: nothing is found that is not explained, and nothing explained that is not found."""

from __future__ import annotations

import pytest

from stacks.acknowledgments import ACKNOWLEDGED, Acknowledged
from tests.infra.gates import nag
from tests.infra.gates.apps import SynthesizedApp
from tests.infra.gates.configurations import described
from tests.infra.gates.conftest import APPS
from tests.infra.gates.findings import Finding, is_a_sentence, stale_places, unexplained


@pytest.fixture(scope="module")
def found(gated: dict[str, SynthesizedApp]) -> dict[str, set[Finding]]:
    return {name: nag.findings(app.app, name) for name, app in gated.items()}


@pytest.mark.parametrize("name", APPS)
def test_every_finding_is_acknowledged(name: str, found: dict[str, set[Finding]]) -> None:
    assert unexplained(found[name], ACKNOWLEDGED) == [], described(name)


@pytest.mark.parametrize(
    "entry", ACKNOWLEDGED, ids=[f"{entry.rule}{entry.detail}" for entry in ACKNOWLEDGED]
)
def test_an_acknowledgment_still_explains_findings_wherever_it_says(
    entry: Acknowledged, found: dict[str, set[Finding]]
) -> None:
    assert stale_places(entry, set().union(*found.values())) == []


@pytest.mark.parametrize("entry", ACKNOWLEDGED, ids=[entry.rule for entry in ACKNOWLEDGED])
def test_an_acknowledgment_gives_its_reason_in_a_sentence(entry: Acknowledged) -> None:
    assert is_a_sentence(entry.reason)


def test_packs_are_those_that_are_promised() -> None:
    assert [pack.name for pack in nag.packs("prod")] == ["AwsSolutions", "NIST.800.53.R5"]
    assert [pack.name for pack in nag.packs("dev")] == ["AwsSolutions"]
