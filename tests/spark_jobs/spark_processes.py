"""Jobs as real `spark-submit` processes, on tables in the Glue catalog of the local AWS."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError

from tests.conftest import PROJECT_DIR, LocalAwsUnderTest
from tests.spark_jobs.rows import RAW_SCHEMA
from tidelake.contract.lake import CATALOG, RAW_PREFIX, manifest_key
from tidelake.contract.manifest import Manifest, RawObject
from tidelake.local.deployed import local_access
from tidelake.local.settings import REGION
from tidelake.local.spark_conf import SparkSite, spark_defaults, write_conf_folder
from tidelake.local.step_runner import StepRun, step_environment
from tidelake.local.toolchain import find_toolchain

RAW_FOLDER = f"{RAW_PREFIX}year=2026/month=11/day=22/hour=10"
LIMIT_SECONDS = 300


@dataclass(frozen=True)
class GlueLake:
    """A bucket and a database of one test's own, read by pyiceberg."""

    aws: LocalAwsUnderTest
    name: str
    folder: Path

    @classmethod
    def create(cls, aws: LocalAwsUnderTest, folder: Path) -> GlueLake:
        lake = cls(aws, f"lake-{uuid4().hex[:8]}", folder)
        aws.client("s3").create_bucket(Bucket=lake.name)
        aws.client("glue").create_database(DatabaseInput={"Name": lake.database})
        return lake

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")

    def put_object(self, name: str, rows: list[dict[str, object]]) -> RawObject:
        content = io.BytesIO()
        table = pa.Table.from_pylist(rows, schema=RAW_SCHEMA)
        pq.write_table(table, content, use_deprecated_int96_timestamps=True)
        key = f"{RAW_FOLDER}/{name}"
        self.aws.client("s3").put_object(Bucket=self.name, Key=key, Body=content.getvalue())
        return RawObject(self.name, key, "", content.tell())

    def put_manifest(self, *objects: RawObject) -> str:
        manifest = Manifest.of(objects)
        key = manifest_key(manifest.batch_id)
        self.aws.client("s3").put_object(Bucket=self.name, Key=key, Body=manifest.to_json())
        return f"s3://{self.name}/{key}"

    def read(self, table: str) -> pa.Table | None:
        """A table through pyiceberg; None if it does not exist."""
        try:
            access = local_access(self.aws.endpoint).iceberg_properties()
            catalog = GlueCatalog(CATALOG, client=self.aws.client("glue"), **access)
            return catalog.load_table((self.database, table)).scan().to_arrow()
        except NoSuchTableError:
            return None

    def start(self, job: str, *arguments: str) -> RunningJob:
        """Start a job as an EMR step would, with defaults of the cluster that it may not heed."""
        folder = self.folder / uuid4().hex[:8]
        scratch = folder / "scratch"
        scratch.mkdir(parents=True)
        toolchain = find_toolchain(PROJECT_DIR)
        run = StepRun(
            cluster_id="j-TEST",
            step_id=folder.name,
            jar="command-runner.jar",
            arguments=(),
            configurations=[{"Classification": "spark-defaults", "Properties": self._defaults()}],
            folder=folder,
        )
        site = SparkSite(
            endpoint=self.aws.endpoint,
            region=REGION,
            python=Path(sys.executable),
            jars=toolchain.spark_jars,
            scratch=scratch,
        )
        write_conf_folder(folder / "conf", spark_defaults(run.configurations, site))
        environment = step_environment(run, toolchain, site, folder / "conf")
        job_file = str(PROJECT_DIR / "spark_jobs" / f"{job}.py")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(toolchain.spark_submit), job_file, *arguments, "--database", self.database],
                env=environment | {"PYTHONPATH": str(PROJECT_DIR)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return RunningJob(process, folder / "log")

    def run(self, job: str, *arguments: str) -> str:
        """Run a job to its end; returns what it printed."""
        running = self.start(job, *arguments)
        assert running.process.wait(LIMIT_SECONDS) == 0, running.output
        return running.output

    def _defaults(self) -> dict[str, str]:
        return {
            "spark.sql.extensions": (
                "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
            ),
            "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.lake.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
            "spark.sql.catalog.lake.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            "spark.sql.catalog.lake.warehouse": f"s3://{self.name}/processed-data",
            # A zone that no result may depend on: the jobs set their own.
            "spark.sql.session.timeZone": "Asia/Seoul",
        }


@dataclass(frozen=True)
class RunningJob:
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """`kill -9` of Spark and of the Python that drives it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
