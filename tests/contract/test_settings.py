from __future__ import annotations

from dataclasses import fields

import pytest

from tidelake.contract.errors import ConfigurationError
from tidelake.contract.settings import StepTriggerSettings

VALUES = {field.name: f"the {field.name}" for field in fields(StepTriggerSettings)}
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
