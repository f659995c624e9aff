"""Which processes are there, for tests that promise that none is left."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path


def running_with(text: str) -> list[str]:
    """The command lines, of processes that are not zombies, in which `text` occurs."""
    proc = Path("/proc")
    if not (proc / "self" / "cmdline").exists():
        listing = subprocess.run(["ps", "-axo", "command"], capture_output=True, check=True)
        return [line for line in listing.stdout.decode().splitlines() if text in line]
    lines = []
    for entry in proc.glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return [line for line in lines if text in line]


def wait_until_none_with(text: str, seconds: float) -> list[str]:
    """Wait until no process has `text` in its command line; returns those that stayed."""
    deadline = time.monotonic() + seconds
    while (left := running_with(text)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
