"""Spark's jars count only if they are what the lock says."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.local.toolchain_fakes import fake_program, quiet_installer
from tidelake.contract.errors import ToolchainError
from tidelake.local.toolchain_jars import SPARK_3, SPARK_4, JarSet, fetch_jars, read_lock


@pytest.fixture
def two_jars(tmp_path: Path) -> Path:
    """A project whose lock names two jars of known content."""
    lock = tmp_path / "lock"
    lines = (f"{hashlib.sha256(name.encode()).hexdigest()}  {name}.jar\n" for name in ("a", "b"))
    lock.write_text("".join(lines))
    (tmp_path / ".tidelake").mkdir()
    return tmp_path


def locked(project_dir: Path) -> JarSet:
    return replace(SPARK_3, lock_file=project_dir / "lock")


def spark_that_fetches(project_dir: Path, contents: Mapping[str, str]) -> Path:
    """A `spark-submit` that puts these jars where Ivy would, and counts its runs."""
    jars = project_dir / ".ivy" / "jars"
    writes = "\n".join(f"printf %s '{text}' > {jars}/{name}" for name, text in contents.items())
    script = f"echo run >> {project_dir}/runs\nmkdir -p {jars}\n{writes}"
    return fake_program(project_dir / "spark" / "bin" / "spark-submit", script)


def test_jars_that_match_the_lock_are_fetched_once(two_jars: Path) -> None:
    spark_submit = spark_that_fetches(two_jars, {"a.jar": "a", "b.jar": "b"})
    installer = quiet_installer(two_jars, os.environ)
    fetch_jars(installer, two_jars, spark_submit, locked(two_jars))
    fetch_jars(installer, two_jars, spark_submit, locked(two_jars))
    assert (two_jars / "runs").read_text() == "run\n"


def test_a_jar_cut_short_is_fetched_again(two_jars: Path) -> None:
    spark_submit = spark_that_fetches(two_jars, {"a.jar": "a", "b.jar": "b"})
    installer = quiet_installer(two_jars, os.environ)
    fetch_jars(installer, two_jars, spark_submit, locked(two_jars))
    (two_jars / ".ivy/jars/b.jar").write_text("")
    fetch_jars(installer, two_jars, spark_submit, locked(two_jars))
    assert (two_jars / ".ivy/jars/b.jar").read_text() == "b"


@pytest.mark.parametrize(
    "contents",
    [
        {"a.jar": "a", "b.jar": "tampered"},
        {"a.jar": "a"},
        {"a.jar": "a", "b.jar": "b", "c.jar": "not in the lock"},
    ],
)
def test_a_wrong_missing_or_unknown_jar_is_refused_and_deleted(
    two_jars: Path, contents: dict[str, str]
) -> None:
    spark_submit = spark_that_fetches(two_jars, contents)
    with pytest.raises(ToolchainError, match=r"[bc]\.jar has SHA-256 .*; allowed: "):
        fetch_jars(quiet_installer(two_jars, os.environ), two_jars, spark_submit, locked(two_jars))
    assert not (two_jars / ".ivy").exists()


def test_the_committed_lock_holds_the_jars_that_s3_and_iceberg_need() -> None:
    names = " ".join(read_lock())
    for part in ("hadoop-aws-3.3.4", "iceberg-spark-runtime-3.5_2.12-1.10.0", "aws-bundle-1.10.0"):
        assert part in names
    assert "aws-java-sdk-bundle" not in names


def test_the_committed_lock_of_spark_4_holds_its_iceberg() -> None:
    assert list(read_lock(SPARK_4)) == [
        "org.apache.iceberg_iceberg-spark-runtime-4.1_2.13-1.11.0.jar"
    ]
