"""What `make bootstrap` passes on, and what the targets for AWS refuse."""

from __future__ import annotations

import subprocess

import pytest

from stacks.bootstrap import bootstrap_arguments, main
from stacks.config import EnvironmentConfig
from tests.infra.conftest import PROJECT, Configured, listed


def configured_with(qualifier: str) -> EnvironmentConfig:
    values = {"dev": {"deployment": {"bootstrap_qualifier": qualifier}}}
    return EnvironmentConfig.from_values("dev", values)


def test_the_qualifier_of_the_cdk_keeps_the_stack_of_the_cdk() -> None:
    assert bootstrap_arguments(EnvironmentConfig.from_values("dev", {"dev": {}})) == [
        *("--qualifier", "hnb659fds")
    ]


def test_a_qualifier_of_its_own_gets_a_stack_of_its_own() -> None:
    assert bootstrap_arguments(configured_with("company")) == [
        *("--qualifier", "company", "--toolkit-stack-name", "CDKToolkit-company")
    ]


def test_the_stacks_deploy_by_the_qualifier_that_is_bootstrapped(configured: Configured) -> None:
    synthesis = configured(deployment={"bootstrap_qualifier": "company"})
    for document in synthesis.documents.values():
        parameter = document["Parameters"]["BootstrapVersion"]["Default"]
        assert listed(parameter) == ["/cdk-bootstrap/company/version"]


@pytest.mark.parametrize(("arguments", "named"), [(["stage"], "stage"), ([], "")])
def test_an_unknown_environment_gets_one_line_and_exit_status_2(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without a name, as `make bootstrap ENV=` starts it.
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        f"environment = '{named}' is not allowed; allowed: one of local, dev, prod\n"
    )


@pytest.mark.parametrize("target", ["bootstrap", "diff", "deploy"])
def test_what_is_for_this_machine_is_not_deployed_to_an_account(target: str) -> None:
    refused = subprocess.run(
        # Within a make, as here by `make test`, it would tell of the folders that it enters.
        ["make", "--no-print-directory", target, "ENV=local"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("ENV=local runs on this machine")
    assert refused.stdout == ""
