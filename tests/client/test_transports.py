"""What every transport promises, checked on the fake, on moto and on the local AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.client.conftest import StreamUnderTest
from tidelake.client.consumer import Consumer
from tidelake.client.transport import LATEST, TRIM_HORIZON, Position, Record
from tidelake.contract.errors import TransportError

TEN = [Record(b"blob \xff %d" % number, f"key-{number}") for number in range(10)]


def read_all(stream: StreamUnderTest) -> list[bytes]:
    return [record.data for record in Consumer(stream.transport, stream.name).read_to_tip()]


def test_every_record_that_was_put_can_be_read_byte_for_byte(stream: StreamUnderTest) -> None:
    outcomes = stream.transport.put_records(stream.name, TEN)
    assert [outcome.error_code for outcome in outcomes] == [None] * 10
    assert sorted(read_all(stream)) == sorted(record.data for record in TEN)


def test_an_outcome_names_the_shard_where_the_record_is_read(stream: StreamUnderTest) -> None:
    outcomes = stream.transport.put_records(stream.name, TEN)
    read = Consumer(stream.transport, stream.name).read_to_tip()
    where = {record.data: (record.shard_id, record.sequence_number) for record in read}
    assert [(outcome.shard_id, outcome.sequence_number) for outcome in outcomes] == [
        where[record.data] for record in TEN
    ]


def test_one_key_keeps_to_one_shard_in_order(stream: StreamUnderTest) -> None:
    records = [Record(b"%d" % number, "the key") for number in range(20)]
    stream.transport.put_records(stream.name, records)
    assert read_all(stream) == [record.data for record in records]


def test_the_md5_of_a_key_chooses_the_shard(stream: StreamUnderTest) -> None:
    # md5("a") = 0cc1…, md5("b") = 92eb…: one in each half of the key space.
    outcomes = stream.transport.put_records(stream.name, [Record(b"1", "a"), Record(b"2", "b")])
    assert [outcome.shard_id for outcome in outcomes] == [
        "shardId-000000000000",
        "shardId-000000000001",
    ]


def test_500_records_are_taken_in_one_call(stream: StreamUnderTest) -> None:
    records = [Record(b"x", f"k{number}") for number in range(500)]
    assert len(stream.transport.put_records(stream.name, records)) == 500


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([Record(b"x", "k")] * 501, id="501 records"),
        pytest.param([Record(b"x" * 1_000_000, "k")] * 11, id="11 MB"),
        pytest.param([Record(b"x" * (1024 * 1024 + 1), "k")], id="record over 1 MiB"),
        pytest.param([Record(b"x", "")], id="empty key"),
        pytest.param([Record(b"x", "k" * 257)], id="key of 257 characters"),
        pytest.param([], id="no record"),
    ],
)
def test_what_aws_refuses_is_refused_whole_and_for_good(
    stream: StreamUnderTest, records: list[Record]
) -> None:
    with pytest.raises(TransportError) as caught:
        stream.transport.put_records(stream.name, records)
    assert not caught.value.retryable
    assert read_all(stream) == []


def test_a_key_of_256_characters_is_taken(stream: StreamUnderTest) -> None:
    outcomes = stream.transport.put_records(stream.name, [Record(b"x", "é" * 256)])
    assert [outcome.error_code for outcome in outcomes] == [None]


def test_a_stream_that_does_not_exist_is_named_in_the_error(stream: StreamUnderTest) -> None:
    with pytest.raises(TransportError) as caught:
        stream.transport.put_records("no-such-stream", TEN)
    assert str(caught.value) == (
        "PutRecords on data stream 'no-such-stream' failed: ResourceNotFoundException"
    )


def test_two_open_shards_without_parents_are_listed(stream: StreamUnderTest) -> None:
    shards = stream.transport.list_shards(stream.name)
    assert [(shard.shard_id, shard.parents, shard.closed) for shard in shards] == [
        ("shardId-000000000000", (), False),
        ("shardId-000000000001", (), False),
    ]


def test_positions_begin_where_they_say(stream: StreamUnderTest) -> None:
    records = [Record(b"%d" % number, "a") for number in range(5)]
    outcomes = stream.transport.put_records(stream.name, records)
    an_hour = timedelta(hours=1)
    arrived = next(iter(Consumer(stream.transport, stream.name).read_to_tip())).arrived
    expected = {
        TRIM_HORIZON: [b"0", b"1", b"2", b"3", b"4"],
        LATEST: [],
        Position.after(outcomes[2].sequence_number): [b"3", b"4"],
        Position.at(arrived.astimezone(UTC) - an_hour): [b"0", b"1", b"2", b"3", b"4"],
    }
    for position, data in expected.items():
        iterator = stream.transport.shard_iterator(stream.name, outcomes[0].shard_id, position)
        page = stream.transport.get_records(stream.name, outcomes[0].shard_id, iterator)
        assert [record.data for record in page.records] == data


def test_arrival_times_are_aware(stream: StreamUnderTest) -> None:
    stream.transport.put_records(stream.name, TEN)
    for record in Consumer(stream.transport, stream.name).read_to_tip():
        assert isinstance(record.arrived, datetime)
        assert record.arrived.tzinfo is not None


def test_reading_on_after_the_tip_gives_what_came_since(stream: StreamUnderTest) -> None:
    consumer = Consumer(stream.transport, stream.name)
    stream.transport.put_records(stream.name, TEN[:3])
    assert len(list(consumer.read_to_tip())) == 3
    stream.transport.put_records(stream.name, TEN[3:])
    assert sorted(record.data for record in consumer.read_to_tip()) == sorted(
        record.data for record in TEN[3:]
    )
