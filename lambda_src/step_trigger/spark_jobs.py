"""The command lines of the Spark jobs that the trigger submits."""

from __future__ import annotations

from tidelake.contract.batch_items import Batch
from tidelake.contract.settings import StepTriggerSettings
from tidelake.contract.steps import MAINTAIN


def arguments_of(batch: Batch, manifest_uri: str, settings: StepTriggerSettings) -> list[str]:
    """What `command-runner.jar` runs for a batch; maintenance reads no manifest."""
    submit = ["spark-submit", "--py-files", settings.py_files_uri]
    database = ["--database", settings.database]
    if batch.job == MAINTAIN:
        return [
            *submit,
            settings.maintain_uri,
            *database,
            *("--target-file-mib", str(settings.target_file_mib)),
            *("--snapshot-days", str(settings.snapshot_days)),
            *("--orphan-hours", str(settings.orphan_hours)),
        ]
    return [*submit, settings.job_uri, "--manifest", manifest_uri, *database]
