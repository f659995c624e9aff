"""A step's logs: kept as files while it runs, then stored as EMR stores them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tidelake.local.step_runner import StepRun

_EXCEPTION = re.compile(r"^(?:Exception in thread \"main\" )?[\w.$]+(?:Error|Exception)\b.*")
_MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, kw_only=True)
class StepFailure:
    """Why a step failed, and the name of the log that says so."""

    message: str
    log: str
    reason: str = "Unknown Error."

    def details(self, log_uris: Mapping[str, str]) -> dict[str, str]:
        """EMR's FailureDetails; LogFile is left out where the log was not stored."""
        details = {"Reason": self.reason, "Message": self.message}
        return details | ({"LogFile": log_uris[self.log]} if self.log in log_uris else {})


class StepLogs:
    """Stores a step's logs under its cluster's LogUri.

    `put(bucket, key, body)` stores one object and raises OSError when it cannot.
    """

    def __init__(self, put: Callable[[str, str, bytes], None]) -> None:
        self._put = put

    def note_exit(self, run: StepRun, status: int) -> None:
        """Write how the step ended into its controller log."""
        with run.controller.open("a", encoding="utf-8") as controller:
            controller.write(f"exit status {status}\n")

    def save(self, run: StepRun, log_uri: str) -> dict[str, str]:
        """Store what the step wrote, gzipped; returns the `s3://` URI of each log by name.

        A cluster without LogUri keeps no logs, and logs that cannot be stored fail no step: the
        files stay, and the controller log says why.
        """
        target = urlsplit(log_uri)
        saved: dict[str, str] = {}
        if target.scheme not in {"s3", "s3n", "s3a"} or not target.netloc:
            return saved
        folder = f"{target.path.strip('/')}/{run.cluster_id}/steps/{run.step_id}".lstrip("/")
        try:
            for path in (run.stdout, run.stderr, run.controller):
                if path.exists():
                    key = f"{folder}/{path.name}.gz"
                    self._put(target.netloc, key, gzip.compress(path.read_bytes(), 1))
                    saved[path.name] = f"s3://{target.netloc}/{key}"
        except OSError as error:
            with run.controller.open("a", encoding="utf-8") as controller:
                controller.write(f"logs were not stored under {log_uri}: {error}\n")
        return saved


def why_it_failed(run: StepRun, status: int) -> StepFailure:
    """Why a step ended with `status`, as its logs say.

    spark-submit hands on what a Python job writes, its errors too, as its own standard output.
    """
    for log in (run.stdout, run.stderr):
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        exceptions = [line for line in text.splitlines() if _EXCEPTION.match(line)]
        if exceptions:
            return StepFailure(message=exceptions[-1][:_MESSAGE_CHARACTERS], log=log.name)
    return StepFailure(message=f"the step ended with exit status {status}", log=run.stderr.name)
