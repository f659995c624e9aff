from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from tests.client.fake_stream import FakeClock, FakeStream
from tidelake.client.consumed_events import StreamTally, read_event, read_events, tally
from tidelake.client.consumer import Consumer
from tidelake.client.transport import LATEST, TRIM_HORIZON, Position, ReceivedRecord, Record
from tidelake.contract.errors import InvalidEventError, TransportError


def consumer_for(stream: FakeStream, *, start: Position = TRIM_HORIZON) -> Consumer:
    return Consumer(stream, stream.name, start=start, clock=stream.clock, sleep=stream.clock.sleep)


def put(stream: FakeStream, *numbers: int, keys: int = 4) -> None:
    stream.put_records(
        stream.name, [Record(b"%d" % number, f"key-{number % keys}") for number in numbers]
    )


def numbers(records: list[ReceivedRecord]) -> list[int]:
    return [int(record.data) for record in records]


def test_reading_to_the_tip_gives_every_record_of_every_shard_and_stops() -> None:
    stream = FakeStream(shards=3)
    put(stream, *range(50))
    assert sorted(numbers(list(consumer_for(stream).read_to_tip()))) == list(range(50))


def test_pages_follow_each_other_to_the_tip() -> None:
    stream = FakeStream(shards=1)
    for first in range(0, 25_000, 500):
        put(stream, *range(first, first + 500))
    assert numbers(list(consumer_for(stream).read_to_tip())) == list(range(25_000))


def test_a_shard_is_read_at_most_five_times_a_second() -> None:
    stream = FakeStream(shards=2)
    put(stream, 1)
    for _ in islice(consumer_for(stream).follow(), 1):
        pass
    consumer = consumer_for(stream)
    stream.reads.clear()
    followed = consumer.follow()
    next(followed)
    while stream.clock() < 1_030:
        put(stream, 2)
        next(followed)
    calls = defaultdict(list)
    for shard_id, at in stream.reads:
        calls[shard_id].append(at)
    assert len(calls) == 2
    for times in calls.values():
        assert len(times) > 10
        assert min(later - earlier for earlier, later in pairwise(times)) >= 0.2 - 1e-9


def test_parents_are_read_to_their_end_before_their_children() -> None:
    stream = FakeStream(shards=1, page_records=3)
    put(stream, *range(20))
    left, right = stream.split(stream.shard_ids()[0])
    put(stream, *range(20, 40))
    merged = stream.merge(left, right)
    put(stream, *range(40, 60))
    stream.split(merged)
    put(stream, *range(60, 80))
    read = numbers(list(consumer_for(stream).read_to_tip()))
    assert sorted(read) == list(range(80))
    for key in range(4):
        of_key = [number for number in read if number % 4 == key]
        assert of_key == sorted(of_key)


def test_a_split_while_reading_loses_nothing_and_keeps_the_order_of_each_key() -> None:
    stream = FakeStream(shards=1)
    put(stream, *range(20))
    followed = consumer_for(stream).follow()
    read = [next(followed) for _ in range(20)]
    stream.split(stream.shard_ids()[0])
    put(stream, *range(20, 40))
    read += [next(followed) for _ in range(20)]
    assert sorted(numbers(read)) == list(range(40))
    for key in range(4):
        of_key = [number for number in numbers(read) if number % 4 == key]
        assert of_key == sorted(of_key)


def test_latest_gives_only_what_comes_after_the_start() -> None:
    stream = FakeStream(shards=1)
    put(stream, 1)
    stream.split(stream.shard_ids()[0])
    put(stream, 2)
    consumer = consumer_for(stream, start=LATEST)
    assert list(consumer.read_to_tip()) == []
    assert {shard_id for shard_id, _ in stream.iterators_given} == set(stream.shard_ids()[1:])
    put(stream, 3)
    stream.split(stream.shard_ids()[1])
    stream.split(stream.shard_ids()[2])
    put(stream, 4)
    assert numbers(list(consumer.read_to_tip())) == [3, 4]


def test_a_timestamp_gives_what_arrived_from_then_on() -> None:
    stream = FakeStream(shards=2)
    put(stream, *range(10))
    stream.clock.sleep(60)
    put(stream, *range(10, 20))
    start = Position.at(datetime.fromtimestamp(stream.clock() - 30, UTC))
    read = numbers(list(consumer_for(stream, start=start).read_to_tip()))
    assert sorted(read) == list(range(10, 20))


def test_a_start_that_is_ahead_of_the_services_clock_is_waited_for() -> None:
    stream = FakeStream(shards=1)
    put(stream, 1)
    start = Position.at(datetime.fromtimestamp(stream.clock() + 20, UTC))
    consumer = consumer_for(stream, start=start)
    assert list(consumer.read_to_tip()) == []
    assert stream.clock() >= 1_020
    put(stream, 2)
    assert numbers(list(consumer.read_to_tip())) == [2]


def test_an_expired_iterator_resumes_after_the_last_record() -> None:
    stream = FakeStream(shards=1)
    put(stream, 1, 2, 3)
    consumer = consumer_for(stream)
    assert numbers(list(consumer.read_to_tip())) == [1, 2, 3]
    stream.clock.sleep(301)
    put(stream, 4)
    assert numbers(list(consumer.read_to_tip())) == [4]
    assert stream.iterators_given[-1][1].type == "AFTER_SEQUENCE_NUMBER"


def test_an_expired_latest_iterator_skips_nothing() -> None:
    stream = FakeStream(shards=1, clock=FakeClock(now=datetime.now(UTC).timestamp()))
    consumer = consumer_for(stream, start=LATEST)
    assert list(consumer.read_to_tip()) == []
    stream.clock.sleep(100)
    put(stream, 1)
    stream.clock.sleep(301)
    assert numbers(list(consumer.read_to_tip())) == [1]


def test_a_caller_that_stops_within_a_page_goes_on_with_the_next_record() -> None:
    stream = FakeStream(shards=1)
    put(stream, *range(10))
    consumer = consumer_for(stream)
    assert numbers(list(islice(consumer.read_to_tip(), 4))) == [0, 1, 2, 3]
    assert numbers(list(consumer.read_to_tip())) == [4, 5, 6, 7, 8, 9]


def test_throttled_and_broken_calls_are_repeated() -> None:
    stream = FakeStream(shards=1)
    put(stream, 1, 2)
    stream.fail_calls = [
        TransportError("any", "events", code, retryable=True)
        for code in ("ProvisionedThroughputExceededException", "ReadTimeoutError") * 5
    ]
    assert numbers(list(consumer_for(stream).read_to_tip())) == [1, 2]


def test_nothing_but_failures_for_the_deadline_ends_in_an_error() -> None:
    stream = FakeStream(shards=1)
    stream.fail_calls = [
        TransportError("GetRecords", "events", "ReadTimeoutError", retryable=True)
    ] * 10_000
    with pytest.raises(TransportError, match="ReadTimeoutError"):
        list(consumer_for(stream).read_to_tip())
    assert 60 < stream.clock() - 1_000 < 70


def test_a_stream_that_does_not_exist_is_an_error_at_once() -> None:
    stream = FakeStream()
    consumer = Consumer(stream, "other", clock=stream.clock, sleep=stream.clock.sleep)
    with pytest.raises(TransportError, match="'other' failed: ResourceNotFoundException"):
        list(consumer.read_to_tip())
    assert stream.clock.slept == []


def test_a_tally_counts_each_event_once_and_unreadable_records_apart() -> None:
    stream = FakeStream(shards=2)
    blobs = [
        b'{"event_id":"1"}',
        b'{"event_id":"2"}',
        b'{"event_id":"1"}',
        b"[]",
        b"\xff",
        b"[" * 9,
    ]
    stream.put_records(stream.name, [Record(blob, f"{at}") for at, blob in enumerate(blobs)])
    assert tally(consumer_for(stream)) == StreamTally(records=6, events=2, unreadable=3)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"{}", b'{"event_id":1}', b"\xff\xff", b"[" * 100_000, b'"' + b"x" * 9]
)
def test_a_record_that_holds_no_event_is_refused_without_its_content(data: bytes) -> None:
    record = ReceivedRecord(data, "k", "1", "shardId-0", datetime.now(UTC))
    with pytest.raises(
        InvalidEventError, match=r"^record: must be (JSON|an object with an event_id)$"
    ):
        read_event(record)


def test_records_that_hold_no_event_are_passed_over_and_told_of() -> None:
    stream = FakeStream(shards=1)
    blobs = [b'{"event_id": "1"}', b"broken", b'{"event_id": "2"}']
    stream.put_records(stream.name, [Record(blob, "same") for blob in blobs])
    told: list[str] = []
    events = [event for _, event in read_events(consumer_for(stream).read_to_tip(), told.append)]
    assert events == [{"event_id": "1"}, {"event_id": "2"}]
    assert told == [
        "record: must be JSON (shard shardId-000000000000, sequence number 00000000000000000002)"
    ]
