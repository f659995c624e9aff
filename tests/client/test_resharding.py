"""What resharding promises, on kinesis-mock and on the local AWS alike."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.client.kinesis_mock import kinesis_client, running_kinesis_mock
from tests.conftest import LocalAwsUnderTest
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.consumer import Consumer
from tidelake.client.transport import TRIM_HORIZON, Record

pytestmark = pytest.mark.slow

HALF = 2**127


@dataclass(frozen=True)
class Resharded:
    """A stream of two shards, a client for it, and what a test does to it."""

    client: Any
    name: str

    @property
    def transport(self) -> BotoTransport:
        return BotoTransport(self.client)

    def put(self, *numbers: int) -> None:
        records = [Record(b"%d" % number, f"key-{number % 8}") for number in numbers]
        outcomes = self.transport.put_records(self.name, records)
        assert [outcome.error_code for outcome in outcomes] == [None] * len(records)

    def open_ranges(self) -> list[tuple[int, int]]:
        shards = self.client.list_shards(StreamName=self.name)["Shards"]
        return sorted(
            (
                int(shard["HashKeyRange"]["StartingHashKey"]),
                int(shard["HashKeyRange"]["EndingHashKey"]),
            )
            for shard in shards
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        )

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            summary = self.client.describe_stream_summary(StreamName=self.name)
            if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.05)
        raise AssertionError("the stream did not become ACTIVE")

    def split(self, shard_id: str, key: int) -> None:
        self.client.split_shard(
            StreamName=self.name, ShardToSplit=shard_id, NewStartingHashKey=str(key)
        )
        self.wait()

    def merge(self, first: str, second: str) -> None:
        self.client.merge_shards(
            StreamName=self.name, ShardToMerge=first, AdjacentShardToMerge=second
        )
        self.wait()

    def update(self, shards: int) -> None:
        self.client.update_shard_count(
            StreamName=self.name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
        )
        self.wait()

    def read(self) -> list[int]:
        records = Consumer(self.transport, self.name).read_to_tip()
        return [int(record.data) for record in records]


@pytest.fixture(scope="module")
def kinesis_mock() -> Iterator[str]:
    with running_kinesis_mock() as endpoint:
        yield endpoint


@pytest.fixture(params=["kinesis-mock", "local"])
def stream(request: pytest.FixtureRequest) -> Resharded:
    if request.param == "local":
        local_aws: LocalAwsUnderTest = request.getfixturevalue("local_aws")
        client = local_aws.client("kinesis")
    else:
        client = kinesis_client(request.getfixturevalue("kinesis_mock"))
    made = Resharded(client, f"events-{uuid.uuid4().hex[:8]}")
    client.create_stream(StreamName=made.name, ShardCount=2)
    made.wait()
    return made


def shard(number: int) -> str:
    return f"shardId-{number:012}"


def test_a_split_shard_keeps_its_records_and_ends_with_its_children(stream: Resharded) -> None:
    stream.put(*range(50))
    stream.split(shard(0), HALF // 2)
    listed = {entry.shard_id: entry for entry in stream.transport.list_shards(stream.name)}
    assert listed[shard(0)].closed
    assert [listed[shard(n)].parents for n in (2, 3)] == [(shard(0),), (shard(0),)]
    iterator = stream.transport.shard_iterator(stream.name, shard(0), TRIM_HORIZON)
    reply = stream.client.get_records(ShardIterator=iterator)
    while reply.get("NextShardIterator"):
        assert "ChildShards" not in reply
        reply = stream.client.get_records(ShardIterator=reply["NextShardIterator"])
    children = {child["ShardId"]: child for child in reply["ChildShards"]}
    assert sorted(children) == [shard(2), shard(3)]
    assert children[shard(2)]["ParentShards"] == [shard(0)]
    assert sorted(stream.read()) == list(range(50))


def test_children_take_over_the_hash_ranges(stream: Resharded) -> None:
    first, second = before = stream.open_ranges()
    stream.split(shard(0), HALF // 2)
    children = [(0, HALF // 2 - 1), (HALF // 2, first[1])]
    assert stream.open_ranges() == [*children, second]
    stream.merge(shard(2), shard(3))
    assert stream.open_ranges() == before


def test_records_put_between_reshardings_are_all_read_in_order_of_each_key(
    stream: Resharded,
) -> None:
    stream.put(*range(50))
    stream.split(shard(0), HALF // 2)
    stream.put(*range(50, 100))
    stream.merge(shard(3), shard(1))
    stream.put(*range(100, 150))
    stream.update(4)
    stream.put(*range(150, 200))
    read = stream.read()
    assert sorted(read) == list(range(200))
    for key in range(8):
        of_key = [number for number in read if number % 8 == key]
        assert of_key == sorted(of_key)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_new_shard_count_covers_all_keys_and_loses_nothing(stream: Resharded, count: int) -> None:
    stream.put(*range(20))
    stream.update(count)
    ranges = stream.open_ranges()
    assert len(ranges) == count
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 2**128 - 1
    assert [low for low, _ in ranges[1:]] == [high + 1 for _, high in ranges[:-1]]
    assert sorted(stream.read()) == list(range(20))


def test_more_than_twice_the_shards_are_refused(stream: Resharded) -> None:
    with pytest.raises(ClientError):
        stream.update(5)
    assert len(stream.open_ranges()) == 2


def test_less_than_half_of_the_shards_are_refused(stream: Resharded) -> None:
    stream.update(4)
    with pytest.raises(ClientError):
        stream.update(1)
    assert len(stream.open_ranges()) == 4


def test_a_closed_shard_is_neither_split_nor_merged_again(stream: Resharded) -> None:
    stream.split(shard(0), HALF // 2)
    with pytest.raises(ClientError):
        stream.split(shard(0), HALF // 4)
    with pytest.raises(ClientError):
        stream.merge(shard(0), shard(1))


def test_shards_that_are_no_neighbours_are_not_merged(stream: Resharded) -> None:
    stream.split(shard(0), HALF // 2)
    with pytest.raises(ClientError):
        stream.merge(shard(2), shard(1))


def test_nothing_outside_of_this_machine_reaches_kinesis_mock(kinesis_mock: str) -> None:
    port = int(kinesis_mock.rpartition(":")[2])
    listening = {
        bytes.fromhex(line.split()[1].split(":")[0])[::-1].hex(".")
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == port
    }
    assert listening == {"7f.00.00.01"}
