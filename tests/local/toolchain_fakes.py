"""Stand-ins for the machine's programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tidelake.local.toolchain_install import Installer


def fake_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def quiet_installer(project_dir: Path, environ: Mapping[str, str]) -> Installer:
    return Installer(project_dir=project_dir, environ=environ, report=lambda _: None)
