"""What a real process accepted arrives, whenever it is killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benches.harness.null_kinesis import RunningNullKinesis, null_kinesis
from tidelake.contract.deaggregation import deaggregate

PROJECT_DIR = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("sending_process.py")


@pytest.fixture(scope="module")
def failing_kinesis() -> Iterator[RunningNullKinesis]:
    with null_kinesis("--fail", "10", "--ledger") as server:
        yield server


def arrived(server: RunningNullKinesis) -> list[str]:
    """Ids of the events that the stream stored, in the order of arrival."""
    found: list[str] = []
    for data in server.ledger():
        packed = deaggregate(data)
        blobs = [data] if packed is None else [blob for blob, _ in packed]
        found += [json.loads(blob)["event_id"] for blob in blobs]
    return found


def run(server: RunningNullKinesis, folder: Path, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), server.endpoint, str(folder), name]
    return subprocess.Popen(command, env={"PYTHONPATH": str(PROJECT_DIR)})


def wait_for_receipts(folder: Path, lines: int) -> None:
    receipts = folder / "receipts.txt"
    give_up = time.monotonic() + 60
    while not receipts.exists() or receipts.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < give_up
        time.sleep(0.005)


def accepted(folder: Path) -> list[str]:
    text = (folder / "receipts.txt").read_text()
    # The last line of a killed process may be half.
    return text[: text.rfind("\n") + 1].split()


@pytest.mark.slow
def test_what_was_accepted_arrives_when_killed_at_20_random_points(
    failing_kinesis: RunningNullKinesis, tmp_path: Path
) -> None:
    draws = random.Random(11)  # noqa: S311 - no secret
    receipts = 0
    for kill in range(20):
        process = run(failing_kinesis, tmp_path, str(kill))
        wait_for_receipts(tmp_path, receipts + 1)
        time.sleep(draws.uniform(0, 0.2))
        process.kill()
        process.wait()
        receipts = len(accepted(tmp_path))
    assert run(failing_kinesis, tmp_path, "drain").wait(timeout=60) == 0
    assert len(accepted(tmp_path)) >= 20
    assert set(accepted(tmp_path)) <= set(arrived(failing_kinesis))
    assert list((tmp_path / "spool").glob("*.segment")) == []
    assert (tmp_path / "dead_letters.jsonl").read_bytes() == b""


@pytest.mark.slow
def test_a_power_cut_after_put_loses_nothing_that_was_accepted(
    failing_kinesis: RunningNullKinesis, tmp_path: Path
) -> None:
    """strace would show it from outside; here the system calls are traced inside the process."""
    program = f"""
import os, sys
sys.argv = ["", {failing_kinesis.endpoint!r}, {str(tmp_path)!r}, "drain"]
synced = 0
fsync = os.fsync
def traced(file):
    global synced
    fsync(file)
    if os.readlink(f"/proc/self/fd/{{file}}").endswith(".segment"):
        synced += 1
os.fsync = traced
from pathlib import Path
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.fast_transport import FastTransport
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.local.endpoint import local_client
with DeadLetterFile(Path({str(tmp_path)!r}) / "letters") as letters:
    transport = FastTransport(local_client("kinesis", {failing_kinesis.endpoint!r}))
    options = ProducerOptions(spool=Path({str(tmp_path)!r}) / "spool")
    with Producer(transport, "events", letters, options) as producer:
        for number in range(20):
            before = synced
            producer.put({{"event_id": str(number)}})
            assert synced > before, number
print("each put was synced before it returned")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "each put was synced before it returned\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_send_that_is_told_to_end_delivers_what_it_took(
    number: signal.Signals, tmp_path: Path
) -> None:
    """`tidelake send --file -` itself, waiting for more input when the signal comes."""
    program = """
import sys
from tidelake.client.fast_transport import FastTransport
from tidelake.operations import send as send_command
from tidelake.local.endpoint import local_client
endpoint = sys.argv.pop(1)
send_command.open_stream = lambda *_: (
    FastTransport(local_client("kinesis", endpoint)), "events")
from tidelake.cli import main
sys.exit(main(sys.argv[1:]))
"""
    line = '1.2.3.{} - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n'
    with null_kinesis("--fail", "10", "--ledger") as server:
        process = subprocess.Popen(
            [sys.executable, "-c", program, server.endpoint, "send", "--file", "-",
             "--dead-letters", str(tmp_path / "letters"),
             "--receipts", str(tmp_path / "receipts.txt")],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write("".join(line.format(host % 250) for host in range(3_000)))
        process.stdin.flush()
        give_up = time.monotonic() + 60
        while server.counts()["accepted"] < 1_000:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        process.send_signal(number)
        assert process.stderr is not None
        output = process.stderr.read()
        assert process.wait(timeout=60) == 130, output
        taken = accepted(tmp_path)
        assert len(taken) >= 1_000
        assert sorted(arrived(server)) == sorted(taken)
        assert f"{len(taken):,} events delivered" in output
