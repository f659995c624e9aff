"""Spark's jars for S3 and Iceberg: fetched by their Maven coordinates, proven by checksum.

`spark-submit --packages` resolves them with Ivy into a folder of the project; only those that match
the lock file are ever used. EMR has its own builds of them in its image.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tidelake.contract.errors import ToolchainError
from tidelake.local.toolchain_install import Installer
from tidelake.local.toolchain_trust import java_network_options, write_trust_store

AWS_SDK = "1.12.262"
"""The version that hadoop-aws 3.3.4 was built with."""


@dataclass(frozen=True, kw_only=True)
class JarSet:
    """The jars of one release line of Spark, by Maven's coordinates.

    `lock_file` has one line a jar: its SHA-256 and its file name, as `sha256sum` prints them.
    `folder` of the project is Ivy's, `megabytes` what it fetches.
    """

    lock_file: Path
    folder: str
    packages: tuple[str, ...]
    excluded: tuple[str, ...]
    megabytes: int


SPARK_3 = JarSet(
    lock_file=Path(__file__).with_name("spark-jars.lock"),
    folder=".ivy",
    packages=(
        "org.apache.hadoop:hadoop-aws:3.3.4",
        f"com.amazonaws:aws-java-sdk-s3:{AWS_SDK}",
        f"com.amazonaws:aws-java-sdk-sts:{AWS_SDK}",
        f"com.amazonaws:aws-java-sdk-dynamodb:{AWS_SDK}",
        "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.0",
        "org.apache.iceberg:iceberg-aws-bundle:1.10.0",
    ),
    excluded=(
        # All of AWS in 280 MB; S3A needs the three services above.
        "com.amazonaws:aws-java-sdk-bundle",
        # PySpark ships these, newer.
        "com.fasterxml.jackson.core:jackson-annotations",
        "com.fasterxml.jackson.core:jackson-core",
        "com.fasterxml.jackson.core:jackson-databind",
        "commons-codec:commons-codec",
        "commons-logging:commons-logging",
        "joda-time:joda-time",
        "org.apache.httpcomponents:httpclient",
        "org.apache.httpcomponents:httpcore",
    ),
    megabytes=115,
)
"""What the local AWS runs steps with, as EMR 7 does."""

SPARK_4 = JarSet(
    lock_file=Path(__file__).with_name("spark4-jars.lock"),
    folder=".ivy-spark4",
    packages=("org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",),
    excluded=(),
    megabytes=50,
)
"""What `make test-spark4` runs the jobs' tests with: tables on the local disk, no S3."""


def jar_paths(project_dir: Path, jars: JarSet = SPARK_3) -> tuple[Path, ...]:
    """Where the jars of the lock file lie once they are fetched."""
    return tuple(_jars_dir(project_dir, jars) / name for name in read_lock(jars))


def fetch_jars(
    installer: Installer, java_home: Path, spark_submit: Path, jars: JarSet = SPARK_3
) -> None:
    """Bring in every jar of the lock file; those in place and unchanged are kept.

    Raises ToolchainError when a jar cannot be had, or is not what the lock says; it is deleted
    then, with everything that Ivy kept.
    """
    lock = read_lock(jars)
    if _checksums(installer.project_dir, jars) == lock:
        return
    _resolve(installer, java_home, spark_submit, jars)
    found = _checksums(installer.project_dir, jars)
    wrong = sorted(name for name in lock.keys() | found.keys() if lock.get(name) != found.get(name))
    if wrong:
        shutil.rmtree(installer.project_dir / jars.folder)
        name = wrong[0]
        raise ToolchainError(
            f"{name} has SHA-256 {found.get(name, 'none: it is missing')}; allowed: "
            f"{lock.get(name, 'none: it is not in the lock')} ({jars.lock_file.name}); deleted, "
            "run the set-up again"
        )


def update_lock(
    installer: Installer, java_home: Path, spark_submit: Path, jars: JarSet = SPARK_3
) -> None:
    """Fetch the jars anew and make what came the lock file's content."""
    shutil.rmtree(installer.project_dir / jars.folder, ignore_errors=True)
    _resolve(installer, java_home, spark_submit, jars)
    checksums = _checksums(installer.project_dir, jars)
    jars.lock_file.write_text("".join(f"{digest}  {name}\n" for name, digest in checksums.items()))
    installer.report(f"wrote {len(checksums)} checksums to {jars.lock_file}")


def read_lock(jars: JarSet = SPARK_3) -> dict[str, str]:
    """The lock file: jar file name -> SHA-256, by name."""
    lines = (line.split() for line in jars.lock_file.read_text().splitlines())
    return {name: digest for digest, name in lines}


def _resolve(installer: Installer, java_home: Path, spark_submit: Path, jars: JarSet) -> None:
    """Have Spark resolve the coordinates with Ivy, which keeps its own cache of them."""
    work_dir = installer.project_dir / ".tidelake"
    trust_store = write_trust_store(work_dir / "trust-store.p12", installer.environ)
    empty_job = work_dir / "empty_job.py"
    empty_job.write_text("")
    # Ivy copies from its cache into this folder, where jars of an earlier lock may lie.
    shutil.rmtree(_jars_dir(installer.project_dir, jars), ignore_errors=True)
    env = dict(installer.environ) | {
        "JAVA_HOME": str(java_home),
        "SPARK_HOME": str(spark_submit.parent.parent),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_SUBMIT_OPTS": " ".join(java_network_options(trust_store, installer.environ)),
    }
    ivy = f"spark.jars.ivy={installer.project_dir / jars.folder}"
    packages = ["--packages", ",".join(jars.packages)]
    if jars.excluded:
        packages += ["--exclude-packages", ",".join(jars.excluded)]
    installer.run(
        f"fetching the Spark jars, about {jars.megabytes} MB",
        [str(spark_submit), "--master", "local[1]", "--conf", ivy, *packages, str(empty_job)],
        env,
    )


def _checksums(project_dir: Path, jars: JarSet) -> dict[str, str]:
    return {path.name: _sha256(path) for path in sorted(_jars_dir(project_dir, jars).glob("*.jar"))}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _jars_dir(project_dir: Path, jars: JarSet) -> Path:
    return project_dir / jars.folder / "jars"
