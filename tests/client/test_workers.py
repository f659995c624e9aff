"""Workers as real processes: resharded under, killed, and taken over from."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.client.kinesis_mock import kinesis_client, running_kinesis_mock
from tests.conftest import PROJECT_DIR, LocalAwsUnderTest
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.stream_operations import StreamOperations
from tidelake.client.transport import Record

pytestmark = pytest.mark.slow

KEYS = 16
LIMIT_SECONDS = 90


@dataclass
class Workers:
    """Processes that read one stream of two shards, and what they wrote."""

    folder: Path
    kinesis: str
    dynamodb: str
    name: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    put_count: int = 0

    @property
    def client(self) -> Any:
        return kinesis_client(self.kinesis)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"worker-{len(self.processes)}").open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.client.worker", "--kinesis", self.kinesis),
                    *("--dynamodb", self.dynamodb, "--stream", self.name, *arguments),
                ],
                cwd=PROJECT_DIR,
                stdout=output,
            )
        self.processes.append(process)
        return process

    def put(self, count: int) -> None:
        numbers = range(self.put_count, self.put_count + count)
        records = [Record(b"%d" % number, f"key-{number % KEYS}") for number in numbers]
        outcomes = BotoTransport(self.client).put_records(self.name, records)
        assert [outcome.error_code for outcome in outcomes] == [None] * count
        self.put_count += count

    def lines_of(self, worker: int) -> list[tuple[float, int]]:
        lines = (self.folder / f"worker-{worker}").read_bytes().splitlines(keepends=True)
        # A killed one may leave half a line, whose record then comes again.
        whole = [line.split() for line in lines if line.endswith(b"\n")]
        return [(float(at), int(number)) for at, number in whole]

    def delivered(self) -> list[int]:
        """What all of them wrote, in order of time."""
        lines = [line for n in range(len(self.processes)) for line in self.lines_of(n)]
        return [number for _, number in sorted(lines)]

    def wait_until_all_delivered(self) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while len(set(self.delivered())) < self.put_count:
            assert time.monotonic() < deadline, (
                f"{len(set(self.delivered()))} of {self.put_count} were delivered"
            )
            time.sleep(0.2)

    def assert_first_deliveries_in_order(self) -> None:
        first = list(dict.fromkeys(self.delivered()))
        assert sorted(first) == list(range(self.put_count))
        for key in range(KEYS):
            of_key = [number for number in first if number % KEYS == key]
            assert of_key == sorted(of_key)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def kinesis_mock() -> Iterator[str]:
    with running_kinesis_mock() as endpoint:
        yield endpoint


def new_workers(folder: Path, kinesis: str, local_aws: LocalAwsUnderTest) -> Workers:
    workers = Workers(folder, kinesis, local_aws.endpoint, f"events-{uuid.uuid4().hex[:8]}")
    workers.client.create_stream(StreamName=workers.name, ShardCount=2)
    StreamOperations(workers.client, workers.name).wait()
    return workers


@pytest.fixture
def workers(tmp_path: Path, kinesis_mock: str, local_aws: LocalAwsUnderTest) -> Iterator[Workers]:
    made = new_workers(tmp_path, kinesis_mock, local_aws)
    yield made
    made.stop()


@pytest.fixture
def pushed_workers(tmp_path: Path, local_aws: LocalAwsUnderTest) -> Iterator[Workers]:
    made = new_workers(tmp_path, local_aws.endpoint, local_aws)
    yield made
    made.stop()


def reshard_while_putting(workers: Workers) -> None:
    """A split, a merge and a change of the shard count, with records before and after each."""
    operations = StreamOperations(workers.client, workers.name)
    workers.put(200)
    first = workers.client.list_shards(StreamName=workers.name)["Shards"][0]
    middle = int(first["HashKeyRange"]["EndingHashKey"]) // 2
    workers.client.split_shard(
        StreamName=workers.name, ShardToSplit=first["ShardId"], NewStartingHashKey=str(middle)
    )
    operations.wait()
    workers.put(200)
    workers.client.merge_shards(
        StreamName=workers.name,
        ShardToMerge="shardId-000000000003",
        AdjacentShardToMerge="shardId-000000000001",
    )
    operations.wait()
    workers.put(200)
    operations.scale(4)
    workers.put(200)


def test_two_workers_miss_nothing_and_keep_the_order_of_keys_through_reshardings(
    workers: Workers,
) -> None:
    workers.start()
    workers.start()
    put_until_both_read(workers)
    reshard_while_putting(workers)
    workers.wait_until_all_delivered()
    workers.assert_first_deliveries_in_order()


def test_with_fan_out_two_workers_miss_nothing_through_reshardings(
    pushed_workers: Workers,
) -> None:
    workers = pushed_workers
    workers.start("--fan-out", "reader")
    workers.start("--fan-out", "reader")
    put_until_both_read(workers)
    reshard_while_putting(workers)
    workers.wait_until_all_delivered()
    workers.assert_first_deliveries_in_order()


def test_the_other_worker_takes_over_from_a_killed_one(workers: Workers) -> None:
    killed = workers.start()
    workers.start()
    put_until_both_read(workers)
    killed.kill()
    killed.wait()
    read_by_killed = len(workers.lines_of(0))
    workers.put(200)
    workers.wait_until_all_delivered()
    workers.assert_first_deliveries_in_order()
    assert len(workers.lines_of(0)) == read_by_killed


def put_until_both_read(workers: Workers) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (workers.lines_of(0) and workers.lines_of(1)):
        assert time.monotonic() < deadline
        workers.put(20)
        time.sleep(0.2)


def test_a_worker_killed_at_any_moment_leaves_no_gap(workers: Workers, tmp_path: Path) -> None:
    moments = random.Random(7)  # noqa: S311  no secret
    checkpoint_file = ("--checkpoint-file", str(tmp_path / "checkpoints.json"))
    for _ in range(8):
        before = workers.put_count
        process = workers.start(*checkpoint_file)
        workers.put(100)
        deadline = time.monotonic() + LIMIT_SECONDS
        while len(workers.lines_of(len(workers.processes) - 1)) < moments.randrange(1, 100):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(moments.random() * 0.5)
        process.kill()
        process.wait()
        assert workers.put_count == before + 100
    workers.start(*checkpoint_file)
    workers.wait_until_all_delivered()
    workers.assert_first_deliveries_in_order()
