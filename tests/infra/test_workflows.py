"""The workflows on GitHub: the same targets as on a laptop, and no more rights than they need."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.infra.conftest import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def steps(workflow: Any) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_targets_that_exist(path: Any) -> None:
    targets = set(re.findall(r"^([a-z ]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    run = re.findall(r"make ([a-z]+)", path.read_text().split("jobs:")[1])
    assert run != []
    assert set(run) <= known


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more(path: Any) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_only_the_diff_takes_credentials_and_those_by_oidc() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        used = [step for step in steps(workflow) if "aws-actions" in step.get("uses", "")]
        assert len(used) == (1 if path.name == "diff.yml" else 0)
        for step in used:
            assert set(step["with"]) == {"role-to-assume", "aws-region"}
    assert "secrets." not in "".join(path.read_text() for path in WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_by_its_commit(path: Any) -> None:
    used = [step["uses"] for step in steps(yaml.safe_load(path.read_text())) if "uses" in step]
    assert used != []
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)


def test_ci_runs_every_gate_and_every_test() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "check.yml").read_text())
    commands = {step["run"] for step in steps(workflow) if "run" in step}
    assert {"make lint", "make test"} <= commands
