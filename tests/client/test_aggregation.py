"""Aggregated records: as the Kinesis Producer Library writes them, each for one shard."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Sequence

import pytest
from aws_kinesis_agg.deaggregator import deaggregate_records
from aws_kinesis_agg.messages_pb2 import AggregatedRecord
from hypothesis import given
from hypothesis import strategies as st

from tests.client.fake_stream import FakeStream
from tidelake.client.aggregation import (
    MAX_AGGREGATE_BYTES,
    Aggregate,
    AggregatingPacker,
    ShardMap,
)
from tidelake.client.records import DATA, Note, Parcel, Row
from tidelake.contract.deaggregation import deaggregate
from tidelake.contract.errors import TransportError

NOTE: Note = ("web_log", None, None, None)


def row(number: int, key: str = "", size: int = 0) -> Row:
    return (b"event %d" % number).ljust(size), key if key else f"key-{number}", NOTE


def packed(events: list[tuple[str, bytes]]) -> bytes:
    aggregate = Aggregate()
    for key, data in events:
        aggregate.add(data, key, NOTE)
    return aggregate.parcel().record.data


def pack(packer: AggregatingPacker, rows: Sequence[Row]) -> list[Parcel]:
    packer.add(rows)
    return list(packer.take())


def packer_for(stream: FakeStream) -> AggregatingPacker:
    shard_map = ShardMap(stream, stream.name)
    shard_map.refresh()
    return AggregatingPacker(shard_map)


def test_the_published_format_byte_for_byte() -> None:
    # As the reference implementation, aws-kinesis-agg 1.2.3, writes it.
    assert packed([("k", b"1"), ("k", b"2")]) == bytes.fromhex(
        "f3899ac20a016b1a0508001a01311a0508001a013200f3dca485c89b1d564590a7c7247805"
    )


EVENTS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=200),
        st.one_of(st.binary(max_size=200), st.integers(0, 20_000).map(bytes)),
    ),
    min_size=2,
    max_size=200,
)


@given(EVENTS)
def test_the_message_is_the_one_that_protobuf_writes(events: list[tuple[str, bytes]]) -> None:
    message = AggregatedRecord()
    keys = list(dict.fromkeys(key for key, _ in events))
    message.partition_key_table.extend(keys)
    for key, data in events:
        message.records.add(partition_key_index=keys.index(key), data=data)
    assert packed(events)[4:-16] == message.SerializeToString()


@given(EVENTS)
def test_our_own_consumers_read_it_back(events: list[tuple[str, bytes]]) -> None:
    assert deaggregate(packed(events)) == [(data, key) for key, data in events]


@given(EVENTS)
def test_the_reference_implementation_reads_it_back(events: list[tuple[str, bytes]]) -> None:
    record = {
        **dict.fromkeys(("eventVersion", "eventSource", "eventID", "eventName", "awsRegion"), ""),
        **dict.fromkeys(("invokeIdentityArn", "eventSourceARN"), ""),
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 1.0,
            "data": b64encode(packed(events)).decode(),
        },
    }
    found = deaggregate_records([record])
    assert [
        (one["kinesis"]["partitionKey"], b64decode(one["kinesis"]["data"])) for one in found
    ] == events


def test_an_aggregate_holds_events_of_one_shard_under_a_key_of_it() -> None:
    stream = FakeStream(shards=4)
    parcels = pack(packer_for(stream), [row(number) for number in range(200)])
    outcomes = stream.put_records(stream.name, [parcel.record for parcel in parcels])
    for parcel, outcome in zip(parcels, outcomes, strict=True):
        alone = stream.put_records(
            stream.name, [parcel.record._replace(partition_key=key) for _, key, _ in parcel.rows()]
        )
        assert {one.shard_id for one in alone} == {outcome.shard_id}
    assert len(parcels) == 4


def test_every_event_is_in_one_record_which_is_not_too_long() -> None:
    rows = [row(number, size=700) for number in range(1_000)]
    parcels = pack(packer_for(FakeStream()), rows)
    assert sorted(one for parcel in parcels for one in parcel.rows()) == sorted(rows)
    assert max(len(parcel.record.data) for parcel in parcels) <= MAX_AGGREGATE_BYTES
    assert len(parcels) <= 18


def test_a_large_event_and_a_lonely_one_travel_as_they_are() -> None:
    large, lonely = row(1, size=20_000), row(2)
    parcels = pack(packer_for(FakeStream()), [large, lonely])
    assert sorted(parcel.record for parcel in parcels) == sorted(
        [(large[DATA], "key-1"), (lonely[DATA], "key-2")]
    )


def test_a_lane_is_packed_in_order_up_to_a_large_event() -> None:
    lane = deque([row(1, "k"), row(2, "k"), row(3, "k", size=20_000), row(4, "k")])
    packer = packer_for(FakeStream())
    sizes = []
    while lane:
        sizes.append(len(packer.pack_first(lane).rows()))
    assert sizes == [2, 1, 1]


def test_without_the_list_of_shards_an_aggregate_holds_one_key() -> None:
    stream = FakeStream()
    stream.fail_calls = [
        TransportError("ListShards", "events", "AccessDeniedException", retryable=False)
    ]
    parcels = pack(packer_for(stream), [row(n, f"key-{n % 3}") for n in range(9)])
    assert [{key for _, key, _ in parcel.rows()} for parcel in parcels] == [
        {"key-0"}, {"key-1"}, {"key-2"}
    ]  # fmt: skip


def test_a_record_in_an_unknown_shard_has_the_list_read_again() -> None:
    stream = FakeStream(shards=1)
    shard_map = ShardMap(stream, stream.name)
    shard_map.refresh()
    assert shard_map.group("a") == shard_map.group("b")
    children = stream.split("shardId-000000000000")
    shard_map.saw(children[0])
    shard_map.refresh()
    # md5("a") = 0cc1…, md5("b") = 92eb…: one in each half.
    assert shard_map.group("a") != shard_map.group("b")


@pytest.mark.parametrize("key", ["k" * 256, "é" * 256])
def test_the_longest_key_fits(key: str) -> None:
    assert deaggregate(packed([(key, b"x"), (key, b"y")])) == [(b"x", key), (b"y", key)]


def test_events_for_the_children_of_a_shard_do_not_join_the_record_of_their_parent() -> None:
    stream = FakeStream(shards=1)
    shard_map = ShardMap(stream, stream.name)
    shard_map.refresh()
    packer = AggregatingPacker(shard_map)
    packer.add([row(1, "a"), row(2, "b")])
    shard_map.saw(stream.split("shardId-000000000000")[0])
    shard_map.refresh()
    packer.add([row(3, "a"), row(4, "b"), row(5, "a")])
    assert [[key for _, key, _ in parcel.rows()] for parcel in packer.take()] == [
        ["a", "b"], ["a", "a"], ["b"]
    ]  # fmt: skip


def test_a_record_counts_its_events_and_their_bytes_by_source() -> None:
    aggregate = Aggregate()
    aggregate.add(b"123", "k", ("web_log", None, None, None))
    aggregate.add(b"45678", "k", ("sensor", None, None, None))
    aggregate.add(b"9", "l", ("web_log", None, None, None))
    assert sorted(aggregate.parcel().tally()) == [("sensor", 1, 5), ("web_log", 2, 4)]
