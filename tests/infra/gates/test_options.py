"""The gates over every option; that of cdk-nag runs over the same in `test_nag.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.config import EnvironmentConfig
from stacks.metric_gate import find_dead_metrics
from stacks.options import options_of
from tests.infra.conftest import cdk_context, synthesize
from tests.infra.gates import iam
from tests.infra.gates.configurations import CONFIGURATIONS
from tests.infra.gates.test_cfn_lint import lint


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_gate_passes_a_configuration(name: str, tmp_path: Path) -> None:
    context = cdk_context()
    context["environments"]["dev"] = CONFIGURATIONS[name]
    synthesis = synthesize("dev", tmp_path, context)
    documents = {role.stack_name("dev"): document for role, document in synthesis.documents.items()}
    assert find_dead_metrics(documents) == []
    assert iam.findings(documents) == []
    assert lint(synthesis.files()) == (0, "")


def test_the_configurations_flip_every_option() -> None:
    flipped = {
        f"{section}.{key}" if isinstance(options, dict) else section
        for sections in CONFIGURATIONS.values()
        for section, options in sections.items()
        for key in (options if isinstance(options, dict) else [None])
    }
    assert {option.key for option in options_of(EnvironmentConfig)} - flipped == set()
