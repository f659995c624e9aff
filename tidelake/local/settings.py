"""What one run of the local AWS is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """One local AWS: its port on 127.0.0.1, the project it serves, and its own folder.

    `work_dir` holds logs and the files of running steps; it is the local AWS's alone.
    """

    port: int
    project_dir: Path
    work_dir: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"
