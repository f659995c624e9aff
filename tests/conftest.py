"""What all tests share: one real local AWS for those that ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tidelake.local.endpoint import local_client
from tidelake.local.lifecycle import LocalAws, running_local_aws

# Read once, when the first import of aws_cdk or constructs starts their Node process: CDK's own
# validation of the templates takes seconds a synthesis. `infra/test_app.py` runs it, with the app
# as the CDK CLI would start it.
os.environ["CDK_VALIDATION"] = "false"

# A promise holds on a busy machine too: no example has a time limit.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PROJECT_DIR = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where workers share the files out among them, the long ones come first: none is waited for
    at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@dataclass(frozen=True)
class LocalAwsUnderTest:
    """The running local AWS, and clients for it."""

    server: LocalAws

    @property
    def endpoint(self) -> str:
        return self.server.endpoint

    def client(self, service: str) -> Any:
        return local_client(service, self.endpoint)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsUnderTest]:
    """Shared by all tests of a session: make resources under names of your own."""
    state_dir = tmp_path_factory.mktemp("local-aws")
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as server:
        yield LocalAwsUnderTest(server)
