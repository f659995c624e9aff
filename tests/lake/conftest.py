"""What tests of the lake's readers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.lake.a_lake import ALake, a_lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[ALake]:
    with mock_aws():
        yield a_lake(tmp_path)
