"""cfn-lint over the templates of every environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.infra.conftest import Synthesis


def test_templates_have_no_finding(synthesis: Synthesis) -> None:
    finished = subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            # W3005, a dependency stated twice: CDK's own constructs do so, and it is harmless.
            *("--ignore-checks", "W3005", "--"),
            *synthesis.files(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (0, "")
