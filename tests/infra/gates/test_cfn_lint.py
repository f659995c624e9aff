"""cfn-lint over the templates of every environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.infra.conftest import Synthesis
from tidelake.contract.deployment import StackRole


def lint(templates: list[Path]) -> tuple[int, str]:
    """Exit status and findings of cfn-lint."""
    finished = subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            # W3005, a dependency stated twice: CDK's own constructs do so, and it is harmless.
            *("--ignore-checks", "W3005", "--"),
            *templates,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return finished.returncode, finished.stdout


def test_templates_have_no_finding(synthesis: Synthesis) -> None:
    assert lint(synthesis.files()) == (0, "")


def test_a_property_that_does_not_exist_is_named(dev: Synthesis, tmp_path: Path) -> None:
    template = dev.documents[StackRole.INGESTION]
    planted = json.loads(json.dumps(template))
    for resource in planted["Resources"].values():
        if resource["Type"] == "AWS::Kinesis::Stream":
            resource["Properties"]["Retention"] = 24
    path = tmp_path / "planted.template.json"
    path.write_text(json.dumps(planted))
    status, findings = lint([path])
    assert status != 0
    assert "E3002" in findings
    assert "'Retention'" in findings
