"""Which processes are there, for tests that promise that none is left."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest


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


def listening_addresses(supervisor: int) -> list[str]:
    """TCP addresses that the children of a supervisor listen on, as `ip:port`; Linux alone."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    if not children.exists():
        pytest.skip("the kernel does not list the sockets of a process")
    inodes = {
        str(fd.readlink())
        for child in children.read_text().split()
        for fd in Path(f"/proc/{child}/fd").iterdir()
        if fd.is_symlink()
    }
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                ip = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else "::"
                found.append(f"{ip}:{int(port, 16)}")
    return found
