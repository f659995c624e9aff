"""One Spark for all tests of the jobs, and a lake on the local disk behind `s3://` names."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark_jobs.accounts import BatchResult
from spark_jobs.commits import Tables
from spark_jobs.curate import curate
from spark_jobs.session import SETTINGS
from tests.spark_jobs.rows import RAW_SCHEMA
from tests.spark_jobs.spark_release import spark_of_this_environment
from tidelake.contract.lake import RAW_PREFIX, manifest_key
from tidelake.contract.manifest import Manifest, RawObject

BUCKET = "lake-bucket"
RAW_FOLDER = f"{RAW_PREFIX}year=2026/month=11/day=22/hour=10"
DATABASE_NUMBERS = itertools.count()
PROJECT_DIR = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bucket_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="session")
def spark(bucket_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    environment, jars = spark_of_this_environment(PROJECT_DIR)
    settings: dict[str, str | int | float | bool | None] = {
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        **SETTINGS,
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.lake.type": "hadoop",
        "spark.sql.catalog.lake.warehouse": str(tmp_path_factory.mktemp("warehouse")),
        # s3://lake-bucket/ is a folder: Hadoop's own mount table under another scheme's name.
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        f"spark.hadoop.fs.viewfs.mounttable.{BUCKET}.linkFallback": bucket_dir.as_uri(),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        builder = SparkSession.builder.master("local[2]").appName("tests")
        session = builder.config(map=settings).getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


@dataclass(frozen=True)
class LocalLake:
    """A bucket and a database of one test's own."""

    spark: SparkSession
    bucket_dir: Path
    database: str

    @property
    def tables(self) -> Tables:
        return Tables(self.spark, self.database)

    def put_object(
        self, name: str, rows: list[dict[str, object]], folder: str = RAW_FOLDER
    ) -> RawObject:
        """Put raw rows as a Parquet object; fields that a row leaves out are null."""
        return self.put_table(name, pa.Table.from_pylist(rows, schema=RAW_SCHEMA), folder)

    def put_table(self, name: str, table: pa.Table, folder: str = RAW_FOLDER) -> RawObject:
        raw_object = self.put_bytes(name, b"", folder)
        path = self.bucket_dir / raw_object.key
        pq.write_table(table, path, use_deprecated_int96_timestamps=True)
        return raw_object

    def put_bytes(self, name: str, content: bytes, folder: str = RAW_FOLDER) -> RawObject:
        key = f"{folder}/{self.database}/{name}"
        path = self.bucket_dir / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return RawObject(BUCKET, key, "", max(len(content), 1))

    def put_manifest(self, manifest: Manifest) -> str:
        key = manifest_key(manifest.batch_id)
        path = self.bucket_dir / key
        path.parent.mkdir(exist_ok=True)
        path.write_text(manifest.to_json())
        return f"s3://{BUCKET}/{key}"

    def curate(self, *raw_objects: RawObject, again: bool = False) -> BatchResult:
        """Run the job over one batch."""
        return curate(self.spark, Manifest.of(raw_objects), self.database, again=again)

    def rows(self, table: str, *columns: str) -> list[tuple[object, ...]]:
        """The columns of a table, in their order."""
        name = self.tables.name(table)
        rows = self.spark.table(name).selectExpr(*columns).collect()
        return sorted((tuple(row) for row in rows), key=repr)

    def forget_ledger(self) -> None:
        """As if every batch had been cut short before its last commit."""
        self.spark.sql(f"TRUNCATE TABLE {self.tables.name('ledger')}")

    def snapshots(self, table: str) -> int:
        """How many commits a table has had."""
        return self.spark.table(f"{self.tables.name(table)}.snapshots").count()


def new_lake(spark: SparkSession, bucket_dir: Path) -> LocalLake:
    database = f"test_{next(DATABASE_NUMBERS)}"
    spark.sql(f"CREATE NAMESPACE lake.{database}")
    return LocalLake(spark, bucket_dir, database)


@pytest.fixture
def lake(spark: SparkSession, bucket_dir: Path) -> LocalLake:
    return new_lake(spark, bucket_dir)


@pytest.fixture(scope="module")
def module_lake(spark: SparkSession, bucket_dir: Path) -> LocalLake:
    """One for all tests of a module that only read it."""
    return new_lake(spark, bucket_dir)
