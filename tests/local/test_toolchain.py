"""Finding and installing the outside tools."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidelake.contract.errors import ToolchainError
from tidelake.local.toolchain import Toolchain, find_toolchain, set_up

PROJECT_DIR = Path(__file__).parents[2]


def test_a_project_that_was_never_set_up_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"not set up; run `\.venv/bin/tidelake local setup`"):
        find_toolchain(tmp_path)


def test_a_damaged_record_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / ".tidelake").mkdir()
    (tmp_path / ".tidelake" / "toolchain.json").write_text("{")
    with pytest.raises(
        ToolchainError, match=r"cannot read .*toolchain\.json; run `.venv/bin/tidelake"
    ):
        find_toolchain(tmp_path)


def test_child_processes_get_these_tools_and_this_python_first() -> None:
    toolchain = Toolchain(
        java_home=Path("/java"),
        node=Path("/node/bin/node"),
        cdk=Path("/cdk"),
        spark_submit=Path("/spark/bin/spark-submit"),
        spark_jars=(),
    )
    environment = toolchain.environment({"PATH": "/usr/bin", "HOME": "/home/me"})
    assert environment == {
        "HOME": "/home/me",
        "JAVA_HOME": "/java",
        "SPARK_HOME": "/spark",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PATH": f"{Path(sys.executable).parent}:/node/bin:/usr/bin",
    }


@pytest.fixture
def set_up_project(tmp_path: Path) -> Path:
    """A project of its own with copies of what this one has installed."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(PROJECT_DIR / name, tmp_path)
    for name in ("node_modules", ".ivy/jars"):
        shutil.copytree(PROJECT_DIR / name, tmp_path / name)
    set_up(tmp_path, lambda _: None)
    return tmp_path


@pytest.mark.slow
def test_a_finished_set_up_is_found_in_a_moment_and_not_done_again(set_up_project: Path) -> None:
    reported: list[str] = []
    started = time.monotonic()
    toolchain = set_up(set_up_project, reported.append)
    assert time.monotonic() - started < 0.5
    assert reported == []
    assert all(jar.is_file() for jar in toolchain.spark_jars)


@pytest.mark.slow
def test_a_file_that_changed_or_went_after_the_set_up_is_named(set_up_project: Path) -> None:
    jar = find_toolchain(set_up_project).spark_jars[0]
    jar.write_bytes(jar.read_bytes()[:-1])
    with pytest.raises(
        ToolchainError, match=f"{re.escape(str(jar))} was changed; run `.venv/bin/tidelake"
    ):
        find_toolchain(set_up_project)
    jar.unlink()
    with pytest.raises(
        ToolchainError, match=f"{re.escape(str(jar))} is missing; run `.venv/bin/tidelake"
    ):
        find_toolchain(set_up_project)


@pytest.mark.slow
def test_the_cdk_cli_runs_on_the_node_that_was_found() -> None:
    toolchain = find_toolchain(PROJECT_DIR)
    done = subprocess.run(
        [toolchain.node, toolchain.cdk, "--version"], check=True, capture_output=True, text=True
    )
    pinned = json.loads((PROJECT_DIR / "package.json").read_text())["devDependencies"]["aws-cdk"]
    assert done.stdout.startswith(pinned)
