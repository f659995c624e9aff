"""Runs checkov, which lives in an environment of its own, over synthesised apps."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import PROJECT
from tests.infra.gates.apps import construct_paths
from tests.infra.gates.findings import Finding

_CHECKOV = PROJECT / ".venv-checkov" / "bin" / "checkov"


def findings(folder: Path) -> dict[str, set[Finding]]:
    """What checkov finds in the apps below `folder`, by the names of their folders.

    All in one process, and without the network: checks come with checkov, none is downloaded.
    """
    if not _CHECKOV.exists():
        pytest.fail("checkov is not installed: run `make setup`")
    finished = subprocess.run(
        [
            *(_CHECKOV, "--framework", "cloudformation", "--directory", folder),
            *("--skip-download", "--compact", "--quiet", "--output", "json"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # It exits with 1 both where it finds something and where it fails.
    assert finished.stdout, finished.stderr
    report = json.loads(finished.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] > 0
    found: dict[str, set[Finding]] = {app.name: set() for app in folder.iterdir()}
    for failed in report["results"]["failed_checks"]:
        template = folder / failed["file_path"].lstrip("/")
        found[template.parent.name].add(_finding(failed, template))
    return found


def _finding(failed: dict[str, Any], template: Path) -> Finding:
    logical_id = failed["resource"].split(".")[1]
    stack = template.name.removesuffix(".template.json")
    paths = _paths(template.with_name(f"{stack}.metadata.json"))
    return Finding(failed["check_id"], "", paths[logical_id])


_paths = cache(construct_paths)
