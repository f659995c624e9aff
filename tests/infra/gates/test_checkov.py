"""checkov: nothing is found that is not explained, and nothing explained that is not found."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.acknowledgments import Acknowledged
from stacks.linter_acknowledgments import CHECKOV_ACKNOWLEDGED
from tests.infra.gates import checkov
from tests.infra.gates.apps import SynthesizedApp
from tests.infra.gates.configurations import described
from tests.infra.gates.conftest import APPS
from tests.infra.gates.findings import Finding, is_a_sentence, stale_places, unexplained


@pytest.fixture(scope="module")
def found(gated: dict[str, SynthesizedApp], gated_folder: Path) -> dict[str, set[Finding]]:
    assert {folder.name for folder in gated_folder.iterdir()} == set(gated)
    return checkov.findings(gated_folder)


@pytest.mark.parametrize("name", APPS)
def test_every_finding_is_acknowledged(name: str, found: dict[str, set[Finding]]) -> None:
    assert unexplained(found[name], CHECKOV_ACKNOWLEDGED) == [], described(name)


@pytest.mark.parametrize("entry", CHECKOV_ACKNOWLEDGED, ids=lambda entry: entry.rule)
def test_an_acknowledgment_has_a_reason_and_still_explains_findings_wherever_it_says(
    entry: Acknowledged, found: dict[str, set[Finding]]
) -> None:
    assert is_a_sentence(entry.reason)
    assert stale_places(entry, set().union(*found.values())) == []
