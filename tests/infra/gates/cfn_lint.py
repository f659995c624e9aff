"""Runs cfn-lint over templates."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from stacks.linter_acknowledgments import CFN_LINT_ACKNOWLEDGED

ACKNOWLEDGED_CHECKS = [entry.rule for entry in CFN_LINT_ACKNOWLEDGED]


def findings(templates: Iterable[Path], ignored: Iterable[str] = ACKNOWLEDGED_CHECKS) -> list[str]:
    """Errors, warnings and remarks, one a line: template, place, check and message.

    Templates of the same text are linted once.
    """
    by_text = {template.read_text(): str(template) for template in templates}
    program = str(Path(sys.executable).with_name("cfn-lint"))
    finished = subprocess.run(
        [program, "--format", "parseable", "--ignore-checks", *ignored, "--", *by_text.values()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = finished.stdout.splitlines()
    # Its exit status tells the severities; that of a crash tells nothing.
    assert bool(lines) == bool(finished.returncode), finished.stderr
    return lines
