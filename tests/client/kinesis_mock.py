"""kinesis-mock, a stand-in for Kinesis that reshards as AWS does, as a process of a test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.conftest import PROJECT_DIR
from tidelake.local.toolchain import find_toolchain

PACKAGE = PROJECT_DIR / "node_modules" / "kinesis-local"
LOOPBACK_ALONE = Path(__file__).with_name("loopback_alone.cjs")
START_SECONDS = 60


@contextmanager
def running_kinesis_mock() -> Iterator[str]:
    """The endpoint of a kinesis-mock that nothing outside of this machine reaches."""
    port, tls_port = _free_ports()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(tls_port),
        "LOG_LEVEL": "ERROR",
        # Its streams change state at once, as those of the local AWS do.
        **{f"{call}_DURATION": "50ms" for call in _SLOW_CALLS},
    }
    node = find_toolchain(PROJECT_DIR).node
    process = subprocess.Popen(
        [node, "--require", LOOPBACK_ALONE, "main.js"],
        cwd=PACKAGE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_open(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


_SLOW_CALLS = (
    "CREATE_STREAM",
    "DELETE_STREAM",
    "MERGE_SHARDS",
    "REGISTER_STREAM_CONSUMER",
    "SPLIT_SHARD",
    "UPDATE_SHARD_COUNT",
)


def kinesis_client(endpoint: str) -> Any:
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"kinesis-mock did not start (exit status {process.poll()})")
