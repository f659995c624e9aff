"""cfn-lint: no error and no warning in any environment, with any options."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from stacks.acknowledgments import Acknowledged
from stacks.linter_acknowledgments import CFN_LINT_ACKNOWLEDGED
from tests.infra.conftest import Synthesis
from tests.infra.gates import cfn_lint
from tests.infra.gates.apps import SynthesizedApp
from tests.infra.gates.findings import is_a_sentence
from tidelake.contract.deployment import StackRole


def test_templates_have_no_finding(gated: dict[str, SynthesizedApp]) -> None:
    templates = [template for app in gated.values() for template in app.templates()]
    assert cfn_lint.findings(templates) == []


def test_a_property_that_does_not_exist_is_named(dev: Synthesis, tmp_path: Path) -> None:
    planted = copy.deepcopy(dev.documents[StackRole.INGESTION])
    for resource in planted["Resources"].values():
        if resource["Type"] == "AWS::Kinesis::Stream":
            resource["Properties"]["Retention"] = 24
    path = tmp_path / "planted.template.json"
    path.write_text(json.dumps(planted))
    [finding] = cfn_lint.findings([path])
    assert ":E3002:" in finding
    assert "'Retention'" in finding


@pytest.mark.parametrize("entry", CFN_LINT_ACKNOWLEDGED, ids=lambda entry: entry.rule)
def test_a_check_that_is_ignored_still_finds_something(entry: Acknowledged, dev: Synthesis) -> None:
    found = cfn_lint.findings(dev.files(), ignored=["none"])
    assert any(f":{entry.rule}:" in finding for finding in found)
    assert is_a_sentence(entry.reason)
