"""The whole of every template, so that no change goes unseen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from tests.infra.conftest import ENVIRONMENTS, Synthesis
from tidelake.contract.deployment import StackRole

_ASSET_HASH = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("role", list(StackRole), ids=lambda role: role.value)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_template_is_as_recorded(
    environment: str,
    role: StackRole,
    syntheses: dict[str, Synthesis],
    snapshot: SnapshotAssertion,
) -> None:
    document = _without_hashes(syntheses[environment].documents[role])
    assert document == snapshot(extension_class=JSONSnapshotExtension)


def _without_hashes(value: Any) -> Any:
    """Replace the hashes of assets, which change with every edit of the code in them.

    CDK orders the resources of a statement by their text, hashes included: they are ordered anew.
    """
    if isinstance(value, dict):
        plain = {_without_hashes(key): _without_hashes(entry) for key, entry in value.items()}
        if isinstance(plain.get("Resource"), list):
            plain["Resource"].sort(key=json.dumps)
        return plain
    if isinstance(value, list):
        return [_without_hashes(entry) for entry in value]
    if isinstance(value, str):
        return _ASSET_HASH.sub("<asset-hash>", value)
    return value
