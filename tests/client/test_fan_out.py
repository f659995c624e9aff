"""Enhanced fan-out on the local AWS."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest

from tests.conftest import LocalAwsUnderTest
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.consumer import Consumer
from tidelake.client.fan_out import FAN_OUT, FanOutTransport, register_consumer
from tidelake.client.transport import Record

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Pushed:
    """A stream of two shards, and a consumer of it by fan-out."""

    client: Any
    name: str
    consumer: Consumer

    def put(self, *numbers: int) -> None:
        records = [Record(b"%d" % number, f"key-{number % 8}") for number in numbers]
        BotoTransport(self.client).put_records(self.name, records)

    def take(self, count: int) -> list[int]:
        return [int(record.data) for record in islice(self.consumer.follow(), count)]


@pytest.fixture
def stream(local_aws: LocalAwsUnderTest) -> Iterator[Pushed]:
    client, name = local_aws.client("kinesis"), f"events-{uuid.uuid4().hex[:8]}"
    client.create_stream(StreamName=name, ShardCount=2)
    transport = FanOutTransport(client, register_consumer(client, name, "reader"))
    with Consumer(transport, name, pace=FAN_OUT) as consumer:
        yield Pushed(client, name, consumer)
    deadline = time.monotonic() + 10
    while subscriptions() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert subscriptions() == [], "a closed consumer holds no subscription"


def subscriptions() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("fan-out-")]


def test_a_registered_consumer_is_used_again(stream: Pushed) -> None:
    first = register_consumer(stream.client, stream.name, "again")
    assert register_consumer(stream.client, stream.name, "again") == first


def test_records_are_pushed_from_every_shard_in_order_of_each_key(stream: Pushed) -> None:
    stream.put(*range(100))
    read = stream.take(100)
    assert sorted(read) == list(range(100))
    for key in range(8):
        assert [n for n in read if n % 8 == key] == list(range(key, 100, 8))


def test_a_record_comes_within_a_second_of_being_put(stream: Pushed) -> None:
    stream.put(0)
    assert stream.take(1) == [0]
    asked = time.monotonic()
    threading.Timer(0.5, stream.put, [1]).start()
    assert stream.take(1) == [1]
    assert time.monotonic() - asked < 1.5


def test_children_are_read_after_their_parents_through_every_resharding(stream: Pushed) -> None:
    stream.put(*range(40))
    read = stream.take(40)
    stream.client.split_shard(
        StreamName=stream.name,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**126),
    )
    stream.put(*range(40, 80))
    read += stream.take(40)
    stream.client.merge_shards(
        StreamName=stream.name,
        ShardToMerge="shardId-000000000003",
        AdjacentShardToMerge="shardId-000000000001",
    )
    stream.put(*range(80, 120))
    stream.client.update_shard_count(
        StreamName=stream.name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    stream.put(*range(120, 160))
    read += stream.take(80)
    assert sorted(read) == list(range(160))
    for key in range(8):
        assert [n for n in read if n % 8 == key] == list(range(key, 160, 8))
