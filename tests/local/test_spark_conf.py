from __future__ import annotations

from pathlib import Path

from tidelake.local.spark_conf import (
    SparkSite,
    classification,
    spark_defaults,
    write_conf_folder,
)

SITE = SparkSite(
    endpoint="http://127.0.0.1:4599",
    region="us-east-1",
    python=Path("/venv/bin/python"),
    jars=(Path("/jars/a.jar"), Path("/jars/b.jar")),
    scratch=Path("/scratch"),
)


def declared(**properties: str) -> list[dict[str, object]]:
    named = {key.replace("__", "."): value for key, value in properties.items()}
    return [{"Classification": "spark-defaults", "Properties": named}]


def test_classification_takes_the_last_value_of_a_key() -> None:
    configurations = [
        {"Classification": "spark-defaults", "Properties": {"a": "1", "b": "1"}},
        {"Classification": "core-site", "Properties": {"a": "9"}},
        {"Classification": "spark-defaults", "Properties": {"a": "2"}},
    ]
    assert classification(configurations, "spark-defaults") == {"a": "2", "b": "1"}


def test_classification_that_is_not_declared_is_empty() -> None:
    assert classification([{"Classification": "core-site"}], "spark-defaults") == {}


def test_declared_setting_wins_over_what_suits_a_laptop() -> None:
    defaults = spark_defaults(declared(spark__sql__shuffle__partitions="7"), SITE)
    assert defaults["spark.sql.shuffle.partitions"] == "7"


def test_master_of_the_cluster_gives_way_to_this_machine() -> None:
    defaults = spark_defaults(declared(spark__master="yarn"), SITE)
    assert defaults["spark.master"] == "local[2]"


def test_python_of_the_cluster_gives_way_to_this_machines() -> None:
    declared_python = declared(spark__pyspark__python="/usr/bin/python3.11")
    defaults = spark_defaults(declared_python, SITE)
    assert defaults["spark.pyspark.python"] == "/venv/bin/python"
    assert defaults["spark.pyspark.driver.python"] == "/venv/bin/python"


def test_spark_listens_on_this_machine_alone() -> None:
    defaults = spark_defaults([], SITE)
    assert defaults["spark.driver.bindAddress"] == "127.0.0.1"
    assert defaults["spark.driver.host"] == "127.0.0.1"
    assert defaults["spark.ui.enabled"] == "false"


def test_s3_uris_reach_the_local_s3_through_s3a() -> None:
    defaults = spark_defaults([], SITE)
    assert defaults["spark.hadoop.fs.s3.impl"] == "org.apache.hadoop.fs.s3a.S3AFileSystem"
    assert defaults["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:4599"
    assert defaults["spark.hadoop.fs.s3a.path.style.access"] == "true"


def test_each_iceberg_catalog_is_pointed_at_the_local_aws() -> None:
    catalog = "org.apache.iceberg.spark.SparkCatalog"
    defaults = spark_defaults(declared(spark__sql__catalog__lake=catalog), SITE)
    assert defaults["spark.sql.catalog.lake"] == catalog
    assert defaults["spark.sql.catalog.lake.s3.endpoint"] == "http://127.0.0.1:4599"
    assert defaults["spark.sql.catalog.lake.s3.path-style-access"] == "true"
    assert defaults["spark.sql.catalog.lake.glue.endpoint"] == "http://127.0.0.1:4599"
    assert defaults["spark.sql.catalog.lake.client.region"] == "us-east-1"


def test_catalog_of_another_kind_is_left_alone() -> None:
    defaults = spark_defaults(declared(spark__sql__catalog__other="com.example.Catalog"), SITE)
    assert [key for key in defaults if key.startswith("spark.sql.catalog.other.")] == []


def test_jars_of_the_emr_image_are_replaced_by_local_ones() -> None:
    jars = "/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar,s3://code/own.jar"
    defaults = spark_defaults(declared(spark__jars=jars), SITE)
    assert defaults["spark.jars"] == "s3://code/own.jar"
    assert defaults["spark.driver.extraClassPath"] == "/jars/a.jar:/jars/b.jar"


def test_declared_jars_that_are_all_of_the_image_leave_no_setting() -> None:
    assert "spark.jars" not in spark_defaults(declared(spark__jars="/usr/lib/x.jar"), SITE)


def test_declared_java_options_are_kept() -> None:
    defaults = spark_defaults(declared(spark__driver__extraJavaOptions="-Dmine=1"), SITE)
    assert defaults["spark.driver.extraJavaOptions"].endswith(" -Dmine=1")
    assert "-XX:+UseSerialGC" in defaults["spark.driver.extraJavaOptions"]


def test_declared_garbage_collector_is_the_only_one() -> None:
    defaults = spark_defaults(declared(spark__driver__extraJavaOptions="-XX:+UseG1GC"), SITE)
    assert "-XX:+UseSerialGC" not in defaults["spark.driver.extraJavaOptions"]


def test_conf_file_keeps_backslashes_and_line_ends_of_values(tmp_path: Path) -> None:
    write_conf_folder(tmp_path, {"spark.x": "a\\b\nc", "odd key:": "v"})
    written = (tmp_path / "spark-defaults.conf").read_text()
    assert written == "spark.x a\\\\b\\nc\nodd\\ key\\: v\n"
