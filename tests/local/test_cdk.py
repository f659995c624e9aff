"""What the CDK CLI's own output says of its progress."""

from __future__ import annotations

from pathlib import Path

from tidelake.local.cdk import _progress

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
