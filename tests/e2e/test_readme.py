"""The commands of the README and the docs, run as they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stacks.config import EnvironmentConfig
from tests.e2e.conftest import PROJECT_DIR, Shell

SMALL_LOG = Path(__file__).parent / "small_access.log"

RUN_BY_CI = {"make demo", "make test"}
"""Commands that `.ci/run` runs."""

PLACEHOLDERS = {"path/to/access.log": str(SMALL_LOG), "--file access.log": f"--file {SMALL_LOG}"}


def commands(section: str) -> list[str]:
    """The command lines of the code blocks under one heading of the README."""
    text = (PROJECT_DIR / "README.md").read_text()
    body = re.split(rf"^## {re.escape(section)}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    return commands_in(body)


def commands_in(text: str) -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def run_in_order(shell: Shell, lines: list[str], **env: str) -> None:
    for line in lines:
        command = line
        for placeholder, value in PLACEHOLDERS.items():
            command = command.replace(placeholder, value)
        run = shell.run("bash", "-c", command, **env)
        assert run.returncode == 0, f"{line}\n{run.stdout}\n{run.stderr}"


@pytest.mark.slow
def test_the_commands_to_try_it_work_in_their_order(copied_project: Callable[[], Shell]) -> None:
    project = copied_project()
    lines = [line for line in commands("Try it") if line not in RUN_BY_CI]

    run_in_order(project, lines, EVENTS="200")

    assert lines[-1] == ".venv/bin/tidelake local down"
    assert project.processes_left(project.project_dir) == []


@pytest.mark.slow
def test_the_commands_of_the_local_aws_work_in_their_order(
    copied_project: Callable[[], Shell],
) -> None:
    project = copied_project()

    run_in_order(project, commands_in((PROJECT_DIR / "docs/local-aws.md").read_text()))

    assert project.processes_left(project.project_dir) == []


@pytest.mark.slow
def test_the_commands_to_deploy_work_in_their_order(copied_project: Callable[[], Shell]) -> None:
    """On the local AWS, which stands for an account: the same CLI, the same `dev` stacks."""
    project = copied_project()
    tidelake = ".venv/bin/tidelake"
    endpoint = project.run(tidelake, "local", "up").stdout.strip()
    account = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_HOME": str(project.project_dir / "cdk-home"),
        # What a person would answer at the CLI's prompts.
        "CDK_REQUIRE_APPROVAL": "never",
        "CDK_FORCE": "true",
    }
    try:
        run_in_order(project, commands("Deploy it to AWS"), **account)
    finally:
        project.run(tidelake, "local", "down")


@pytest.mark.parametrize(("environment", "column"), [("dev", 1), ("prod", 2)])
def test_the_cost_table_counts_what_the_environment_deploys(environment: str, column: int) -> None:
    context = json.loads((PROJECT_DIR / "cdk.json").read_text())["context"]
    config = EnvironmentConfig.from_values(environment, context["environments"])
    rows = re.findall(
        r"^\| .* an hour.* \| (\d+) \| \d+ \| (\d+) \| \d+ \|$",
        (PROJECT_DIR / "README.md").read_text(),
        flags=re.MULTILINE,
    )

    nodes, endpoints, shards = (int(row[column - 1]) for row in rows)

    # A cluster on demand is not billed while nothing comes.
    assert nodes == (0 if config.cluster.on_demand else 1 + config.cluster.core_instances)
    network = config.network
    assert endpoints == len(network.interface_endpoints) * network.availability_zones
    assert shards == config.stream.shards


def test_every_make_target_of_the_readme_exists(shell: Shell) -> None:
    targets = re.findall(r"`make (\w+)", (PROJECT_DIR / "README.md").read_text())

    for target in set(targets):
        assert shell.run("make", "--dry-run", target).returncode == 0, target
