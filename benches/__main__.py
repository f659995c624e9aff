"""Runs every benchmark, each in a process of its own; exit status 1 where one misses a target."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """The benchmarks in order of their names."""
    files = sorted(Path(__file__).parent.glob("[a-z]*.py"))
    missed = [
        file.stem
        for file in files
        if subprocess.run([sys.executable, "-m", f"benches.{file.stem}"], check=False).returncode
    ]
    if missed:
        sys.stderr.write(f"missed or failed: {', '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
