"""What the CDK CLI's own output says of its progress."""

from __future__ import annotations

from pathlib import Path

from tidelake.local.cdk import LocalCdk, _progress
from tidelake.local.toolchain import Toolchain

LOG = """\
tidelake-local-storage: deploying... [1/4]
tidelake-local-storage |  0/9 | 9:09:58 AM | CREATE_IN_PROGRESS | AWS::KMS::Key | Lake/Key
tidelake-local-storage | 5/9 | 9:09:58 AM | CREATE_COMPLETE | AWS::KMS::Key | Lake/Key
"""


def test_progress_is_the_last_stack_and_its_count(tmp_path: Path) -> None:
    log = tmp_path / "cdk-deploy.log"
    log.write_text(LOG)

    assert _progress(log) == "tidelake-local-storage 5/9"


def test_there_is_no_progress_before_the_first_resource(tmp_path: Path) -> None:
    log = tmp_path / "cdk-deploy.log"
    log.write_text("Building and publishing assets\n")

    assert _progress(log) == ""


def test_a_local_run_tells_nobody_of_itself(tmp_path: Path) -> None:
    """The CLI's telemetry goes to an address of AWS unless it is told not to."""
    node = tmp_path / "node"
    node.write_text('#!/bin/sh\necho "telemetry disabled: $CDK_DISABLE_CLI_TELEMETRY"\n')
    node.chmod(0o755)
    tools = Toolchain(
        java_home=tmp_path,
        node=node,
        cdk=tmp_path / "cdk",
        spark_submit=tmp_path / "spark-submit",
        spark_jars=(),
    )
    cdk = LocalCdk(project_dir=tmp_path, toolchain=tools, env={"PATH": "/bin"}, log_dir=tmp_path)

    cdk.bootstrap(lambda _: None)

    assert (tmp_path / "cdk-bootstrap.log").read_text() == "telemetry disabled: true\n"
