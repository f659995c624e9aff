"""A follower that is killed again and again while its files are written and rotated."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.put_records_endpoint import PutRecordsEndpoint, running_endpoint

TURNS = 80
LINE = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /{} HTTP/1.1" 200 512\n'


@contextmanager
def following(
    folder: Path, endpoint: PutRecordsEndpoint, options: tuple[str, ...]
) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable, "-c", "import sys; from tidelake.cli import main; sys.exit(main())",
        "send", "--follow",
        "--file", str(folder / "app.log*"),
        "--environment", "dev", "--stream", "events",
        "--positions", str(folder / "positions.json"),
        "--dead-letters", str(folder / "dead.jsonl"),
        *options,
    ]  # fmt: skip
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(endpoint: PutRecordsEndpoint, *, lines: int) -> None:
    """Return once so many lines came, or are not going to."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len({event["target"] for event in list(endpoint.events)}) >= lines:
            return
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("with_spool", [False, True])
def test_nothing_is_missed_and_a_line_that_comes_again_has_the_same_id(
    with_spool: bool, tmp_path: Path
) -> None:
    options = ("--spool", str(tmp_path / "spool")) if with_spool else ()
    draw = random.Random(5)  # noqa: S311 - no secret
    log = tmp_path / "app.log"
    written = rotations = kills = turn = 0
    with running_endpoint() as endpoint:
        while turn < TURNS:
            with following(tmp_path, endpoint, options) as process:
                until = min(TURNS, turn + draw.randrange(8, 20))
                while turn < until:
                    turn += 1
                    time.sleep(0.1)
                    with log.open("a") as file:
                        for _ in range(draw.randrange(300)):
                            written += 1
                            file.write(LINE.format(written))
                    if draw.random() < 0.2:
                        rotations += 1
                        old = log.with_name(f"app.log.{rotations}")
                        if rotations % 2:
                            log.rename(old)
                        else:
                            shutil.copy(log, old)
                            os.truncate(log, 0)
                if turn < TURNS:
                    kills += 1
                    continue
                wait_for(endpoint, lines=written)
                process.terminate()
                assert process.wait(timeout=30) == 0

        ids: dict[str, set[str]] = {}
        for event in endpoint.events:
            ids.setdefault(str(event["target"]), set()).add(str(event["event_id"]))

    assert kills >= 3
    assert rotations >= 5
    assert sorted({f"/{number}" for number in range(1, written + 1)} - ids.keys()) == []
    assert {len(found) for found in ids.values()} == {1}
