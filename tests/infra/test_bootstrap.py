"""What `make bootstrap` passes on."""

from __future__ import annotations

import pytest

from stacks.bootstrap import bootstrap_arguments, main
from stacks.config import EnvironmentConfig
from tests.infra.conftest import Configured, listed


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


def test_an_unknown_environment_gets_one_line_and_exit_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["stage"]) == 2
    assert capsys.readouterr().err == (
        "environment = 'stage' is not allowed; allowed: one of local, dev, prod\n"
    )
