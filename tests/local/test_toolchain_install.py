"""Downloads: their failures and their time limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.local.toolchain_fakes import quiet_installer
from tidelake.contract.errors import ToolchainError
from tidelake.local import toolchain_install


def test_a_download_that_fails_names_itself_and_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"fetching x ended with exit status 3(.|\n)*no route"):
        quiet_installer(tmp_path, os.environ).run(
            "fetching x", ["sh", "-c", "echo no route; exit 3"], os.environ
        )


def test_a_download_is_ended_at_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain_install, "DOWNLOAD_LIMIT_SECONDS", 0.2)
    with pytest.raises(ToolchainError, match="fetching x was still running"):
        quiet_installer(tmp_path, os.environ).run("fetching x", ["sleep", "60"], os.environ)
