"""Every environment and every configuration, synthesised once for all gates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.conftest import ENVIRONMENTS
from tests.infra.gates.apps import SynthesizedApp, build
from tests.infra.gates.configurations import configurations

APPS = (*ENVIRONMENTS, *configurations())
"""Names of everything that the gates look at."""


@pytest.fixture(scope="session")
def gated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gated")


@pytest.fixture(scope="session")
def gated(gated_folder: Path) -> dict[str, SynthesizedApp]:
    """By the names in APPS, each in a folder of its name below `gated_folder`."""
    environments = {
        name: build(gated_folder / name, environment=name, values=None) for name in ENVIRONMENTS
    }
    configured = {
        name: build(gated_folder / name, values=values) for name, values in configurations().items()
    }
    return environments | configured
