from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from tidelake.contract.errors import ConfigurationError
from tidelake.contract.settings import StepTriggerSettings

VALUES: dict[str, Any] = {
    field.name: 7 if field.type == "int" else f"the {field.name}"
    for field in fields(StepTriggerSettings)
}
SETTINGS = StepTriggerSettings(**VALUES)


def test_settings_are_written_as_variables_of_the_project() -> None:
    assert SETTINGS.to_env()["TIDELAKE_CLUSTER_ID"] == "the cluster_id"
    assert SETTINGS.to_env().keys() == {f"TIDELAKE_{name.upper()}" for name in VALUES}


def test_settings_are_read_back_from_the_environment() -> None:
    assert StepTriggerSettings.from_env(SETTINGS.to_env() | {"PATH": "/bin"}) == SETTINGS


@pytest.mark.parametrize("name", VALUES)
def test_a_missing_variable_is_named(name: str) -> None:
    key = f"TIDELAKE_{name.upper()}"
    environment = {k: v for k, v in SETTINGS.to_env().items() if k != key}
    with pytest.raises(ConfigurationError, match=f"^{key} = None is not allowed"):
        StepTriggerSettings.from_env(environment)


def test_a_number_is_read_back_as_one_and_nothing_else_is_taken_for_it() -> None:
    environment = SETTINGS.to_env()
    assert environment["TIDELAKE_LEASE_SECONDS"] == "7"
    with pytest.raises(ConfigurationError, match=r"^TIDELAKE_LEASE_SECONDS = 'half' is"):
        StepTriggerSettings.from_env(environment | {"TIDELAKE_LEASE_SECONDS": "half"})
