from __future__ import annotations

from pathlib import Path

import pytest

from tidelake.local.spark_conf import SparkSite
from tidelake.local.step_runner import (
    StepRun,
    UnsupportedStepError,
    local_arguments,
    step_environment,
)
from tidelake.local.toolchain import Toolchain

TOOLCHAIN = Toolchain(
    java_home=Path("/java"),
    node=Path("/node/bin/node"),
    cdk=Path("/cdk"),
    spark_submit=Path("/spark/bin/spark-submit"),
    spark_jars=(),
)
SITE = SparkSite(
    endpoint="http://127.0.0.1:4599",
    region="us-east-1",
    python=Path("/venv/bin/python"),
    jars=(),
    scratch=Path("/scratch"),
)


def submit(*arguments: str) -> list[str]:
    return local_arguments("command-runner.jar", ("spark-submit", *arguments))


def environment(configurations: list[dict[str, object]]) -> dict[str, str]:
    run = StepRun(
        cluster_id="j-1",
        step_id="s-1",
        jar="command-runner.jar",
        arguments=(),
        configurations=configurations,
        folder=Path("/steps/s-1"),
    )
    return step_environment(run, TOOLCHAIN, SITE, Path("/steps/s-1/conf"))


def test_job_and_its_arguments_stay_as_they_are() -> None:
    job = ["s3://code/job.py", "--master", "yarn", "--deploy-mode", "cluster", "", "a b"]
    assert submit("--py-files", "s3://code/shared.zip", *job) == [
        "--py-files",
        "s3://code/shared.zip",
        *job,
    ]


@pytest.mark.parametrize(
    "options",
    [
        ("--master", "yarn"),
        ("--master=yarn",),
        ("--deploy-mode", "cluster"),
        ("--conf", "spark.master=yarn"),
        ("--conf", "spark.submit.deployMode=cluster"),
        ("--conf=spark.submit.deployMode=cluster",),
    ],
)
def test_what_only_a_cluster_can_do_is_left_out(options: tuple[str, ...]) -> None:
    assert submit(*options, "job.py") == ["job.py"]


def test_flags_take_no_value() -> None:
    assert submit("--verbose", "--master", "yarn", "job.py") == ["--verbose", "job.py"]


def test_other_options_are_kept() -> None:
    assert submit("--conf", "spark.x=1", "--name", "n", "job.py") == [
        *("--conf", "spark.x=1"),
        *("--name", "n"),
        "job.py",
    ]


@pytest.mark.parametrize(
    ("jar", "arguments", "named"),
    [
        ("s3://code/job.jar", (), "s3://code/job.jar"),
        ("command-runner.jar", ("hive-script",), "hive-script"),
        ("command-runner.jar", (), "spark-submit"),
        ("command-runner.jar", ("spark-submit",), "no job"),
        ("command-runner.jar", ("spark-submit", "--name"), "--name"),
        (
            "command-runner.jar",
            ("spark-submit", "--properties-file", "x", "job.py"),
            "--properties-file",
        ),
    ],
)
def test_step_that_cannot_run_here_is_refused_by_name(
    jar: str, arguments: tuple[str, ...], named: str
) -> None:
    with pytest.raises(UnsupportedStepError, match=named):
        local_arguments(jar, arguments)


def test_step_sees_nothing_of_the_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("SPARK_CONF_DIR", "/home/user/conf")
    monkeypatch.setenv("MINE", "secret")
    found = environment([])
    assert "AWS_PROFILE" not in found
    assert "MINE" not in found
    assert found["SPARK_CONF_DIR"] == "/steps/s-1/conf"
    assert found["HOME"] == "/steps/s-1"


def test_step_is_pointed_at_the_local_aws() -> None:
    found = environment([])
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4599"
    assert found["AWS_ACCESS_KEY_ID"] == "test"


def test_exports_of_the_cluster_reach_the_step_but_not_its_paths() -> None:
    exports = {"MODE": "fast", "PYSPARK_PYTHON": "/usr/bin/python3.11", "JAVA_HOME": "/usr/lib/jvm"}
    nested = {"Classification": "export", "Properties": exports}
    found = environment([{"Classification": "spark-env", "Configurations": [nested]}])
    assert found["MODE"] == "fast"
    assert found["JAVA_HOME"] == "/java"
    assert found["PYSPARK_PYTHON"] != "/usr/bin/python3.11"
