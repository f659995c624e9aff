from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.client.fake_stream import FakeClock, FakeStream
from tidelake.client.checkpoints import SHARD_END, Checkpoint
from tidelake.client.consumer import Consumer
from tidelake.client.lease_table import LeaseTable
from tidelake.client.leases import Leases
from tidelake.client.transport import TRIM_HORIZON, Record, Shard
from tidelake.contract.errors import LeaseLostError, LeaseTableError

LEASE_SECONDS = 60.0
"""Far longer than a test, whose clock moves by hand: no heartbeat comes in between."""


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[LeaseTable]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        made = LeaseTable(client, "leases", application="app", stream="events")
        made.create_if_missing()
        made.create_if_missing()
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def worker(table: LeaseTable, clock: FakeClock) -> Iterator[Any]:
    started = []

    def start(name: str) -> Leases:
        started.append(Leases(table, lease_seconds=LEASE_SECONDS, worker=name, clock=clock))
        return started[-1]

    yield start
    for leases in started:
        leases.close()


def shards(count: int) -> list[Shard]:
    return [Shard(f"shardId-{number}", (), closed=False) for number in range(count)]


def mine(leases: Leases, listed: list[Shard]) -> set[str]:
    return set(leases.claim(listed, TRIM_HORIZON).shards)


def settle(workers: list[Leases], listed: list[Shard]) -> list[set[str]]:
    """Every worker claims until nothing changes."""
    for _ in range(6):
        held = [mine(leases, listed) for leases in workers]
    return held


def test_a_table_that_is_there_needs_no_permission_to_make_one(table: LeaseTable) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("CreateTable was called")

    table._client.meta.events.register("before-call.dynamodb.CreateTable", refuse)
    table.create_if_missing()


def test_one_worker_takes_every_shard(worker: Any) -> None:
    assert mine(worker("a"), shards(3)) == {"shardId-0", "shardId-1", "shardId-2"}


@pytest.mark.parametrize(
    ("count", "workers", "sizes"), [(4, 2, [2, 2]), (5, 2, [2, 3]), (4, 3, [1, 1, 2])]
)
def test_workers_share_the_shards_evenly_and_each_shard_is_of_one(
    worker: Any, count: int, workers: int, sizes: list[int]
) -> None:
    held = settle([worker(f"w{number}") for number in range(workers)], shards(count))
    assert sorted(map(len, held)) == sizes
    assert set.union(*held) == {shard.shard_id for shard in shards(count)}


def test_more_workers_than_shards_leave_the_surplus_idle(worker: Any) -> None:
    held = settle([worker("a"), worker("b"), worker("c")], shards(2))
    assert sorted(map(len, held)) == [0, 1, 1]


def test_a_dead_workers_shards_are_taken_over_at_its_checkpoint(
    worker: Any, clock: FakeClock
) -> None:
    dead, other = worker("dead"), worker("other")
    assert mine(dead, shards(1)) == {"shardId-0"}
    dead.save("shardId-0", Checkpoint("7"))
    assert mine(other, shards(1)) == set()
    clock.sleep(LEASE_SECONDS - 1)
    assert mine(other, shards(1)) == set()
    clock.sleep(2)
    claim = other.claim(shards(1), TRIM_HORIZON)
    assert claim.shards["shardId-0"].checkpoint == Checkpoint("7")


def test_a_worker_that_lives_keeps_its_shards(worker: Any, clock: FakeClock) -> None:
    alive, other = worker("alive"), worker("other")
    mine(alive, shards(1))
    mine(other, shards(1))
    clock.sleep(LEASE_SECONDS - 1)
    alive._beat_once(alive._held["shardId-0"].lease)
    mine(other, shards(1))
    clock.sleep(LEASE_SECONDS - 1)
    assert mine(other, shards(1)) == set()
    assert alive.holds("shardId-0")


def test_a_stale_workers_checkpoint_is_fenced(
    worker: Any, clock: FakeClock, table: LeaseTable
) -> None:
    stale, successor = worker("stale"), worker("successor")
    mine(stale, shards(1))
    mine(successor, shards(1))
    clock.sleep(LEASE_SECONDS + 1)
    assert mine(successor, shards(1)) == {"shardId-0"}
    successor.save("shardId-0", Checkpoint("9"))
    with pytest.raises(LeaseLostError):
        stale.save("shardId-0", Checkpoint("5"))
    snapshot = table.read()
    assert snapshot is not None
    assert snapshot.standing.checkpoints == {"shardId-0": Checkpoint("9")}


def test_a_worker_stops_reading_when_others_may_take_it_for_dead(
    worker: Any, clock: FakeClock
) -> None:
    leases = worker("a")
    mine(leases, shards(1))
    assert leases.holds("shardId-0")
    clock.sleep(LEASE_SECONDS + 1)
    assert not leases.holds("shardId-0")


def test_a_worker_that_closes_leaves_its_shards_to_others_at_once(worker: Any) -> None:
    first, second = worker("first"), worker("second")
    mine(first, shards(2))
    first.close()
    assert mine(second, shards(2)) == {"shardId-0", "shardId-1"}


def test_children_are_claimed_only_when_their_parent_is_done_whoever_reads_it(worker: Any) -> None:
    listed = [
        Shard("shardId-0", (), closed=True),
        Shard("shardId-1", ("shardId-0",), closed=False),
        Shard("shardId-2", ("shardId-0",), closed=False),
    ]
    first, second = worker("first"), worker("second")
    assert mine(first, listed) == {"shardId-0"}
    assert mine(second, listed) == set()
    first.save("shardId-0", SHARD_END)
    assert settle([first, second], listed) == [{"shardId-2"}, {"shardId-1"}]


def test_a_missing_table_is_named(table: LeaseTable, worker: Any) -> None:
    table._client.delete_table(TableName="leases")
    with pytest.raises(
        LeaseTableError, match="Query on lease table 'leases' failed: ResourceNotFoundException"
    ):
        worker("a").claim(shards(1), TRIM_HORIZON)


def test_two_consumers_of_one_application_read_everything_once_between_them(
    worker: Any, clock: FakeClock
) -> None:
    stream = FakeStream(shards=4, clock=clock)
    records = [Record(b"%d" % number, f"key-{number}") for number in range(100)]
    stream.put_records(stream.name, records)
    leases = [worker("a"), worker("b")]
    settle(leases, list(stream.list_shards(stream.name)))
    read = [
        [
            record.data
            for record in Consumer(
                stream, stream.name, checkpoints=each, clock=clock, sleep=clock.sleep
            ).read_to_tip()
        ]
        for each in leases
    ]
    assert all(read)
    assert sorted(read[0] + read[1]) == sorted(record.data for record in records)


def test_a_consumer_whose_shard_was_taken_over_leaves_it_and_saves_nothing(
    worker: Any, clock: FakeClock, table: LeaseTable
) -> None:
    stream = FakeStream(shards=1, clock=clock)
    stream.put_records(stream.name, [Record(b"%d" % number, "k") for number in range(10)])
    stale = Consumer(
        stream, stream.name, checkpoints=worker("stale"), clock=clock, sleep=clock.sleep
    )
    assert len(list(islice(stale.read_to_tip(), 3))) == 3
    successor = worker("successor")
    mine(successor, list(stream.list_shards(stream.name)))
    clock.sleep(LEASE_SECONDS + 1)
    mine(successor, list(stream.list_shards(stream.name)))
    stale.checkpoint()
    snapshot = table.read()
    assert snapshot is not None
    assert snapshot.standing.checkpoints == {}
    assert stream.left == ["shardId-000000000000"]
