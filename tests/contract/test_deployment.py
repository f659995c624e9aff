from __future__ import annotations

import pytest

from tidelake.contract.deployment import Output, StackRole


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (StackRole.STORAGE, "tidelake-dev-storage"),
        (StackRole.INGESTION, "tidelake-dev-ingestion"),
        (StackRole.PROCESSING, "tidelake-dev-processing"),
        (StackRole.MONITORING, "tidelake-dev-monitoring"),
    ],
)
def test_a_stack_is_named_by_environment_and_role(role: StackRole, name: str) -> None:
    assert role.stack_name("dev") == name


def test_every_output_has_a_key_of_its_own_within_its_stack() -> None:
    keys = [(output.key, output.stack) for output in Output]
    assert len(keys) == len(set(keys)) == len(Output.__members__)
