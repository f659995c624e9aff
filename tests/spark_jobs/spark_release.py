"""Spark 3.5 as EMR 7 has it, or Spark 4 where that is installed (`make test-spark4`).

    python -m tests.spark_jobs.spark_release [--update-lock]

fetches the jars of Spark 4; with the option it writes their lock file.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tidelake.local.toolchain import find_toolchain, spark_submit
from tidelake.local.toolchain_install import Installer
from tidelake.local.toolchain_jars import SPARK_4, fetch_jars, jar_paths, update_lock
from tidelake.local.toolchain_runtimes import provide_java

PROJECT_DIR = Path(__file__).resolve().parents[2]


def spark_of_this_environment(project_dir: Path) -> tuple[Mapping[str, str], tuple[Path, ...]]:
    """The environment variables and the jars of the installed PySpark."""
    if importlib.metadata.version("pyspark").startswith("3."):
        toolchain = find_toolchain(project_dir)
        return toolchain.environment(os.environ), toolchain.spark_jars
    environment = {
        "JAVA_HOME": str(provide_java(_installer(project_dir))),
        "SPARK_HOME": str(spark_submit().parent.parent),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    return environment, jar_paths(project_dir, SPARK_4)


def _installer(project_dir: Path) -> Installer:
    def report(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    return Installer(project_dir=project_dir, environ=os.environ, report=report)


if __name__ == "__main__":
    setup = _installer(PROJECT_DIR)
    bring_in = update_lock if "--update-lock" in sys.argv else fetch_jars
    bring_in(setup, provide_java(setup), spark_submit(), SPARK_4)
