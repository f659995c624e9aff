from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.fake_stream import MIB, FakeStream
from tidelake.client.batching import BatchPolicy
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.retry import RetryPolicy
from tidelake.client.statistics import DeliveryReport, SourceStatistics
from tidelake.client.transport import Record
from tidelake.contract.errors import DeliveryError, TransportError

THROTTLED = "ProvisionedThroughputExceededException"


def event(number: int, **fields: object) -> dict[str, object]:
    return {
        "event_id": f"id-{number}",
        "source": "web_log",
        "client_address": f"10.0.{number // 250}.{number % 250}",
        **fields,
    }


NEVER = BatchPolicy(linger_seconds=math.inf)


def producer_for(
    stream: FakeStream,
    dead_letters: DeadLetterFile,
    *,
    retry: RetryPolicy | None = None,
    **options: Any,
) -> Producer:
    """A producer that sends full batches alone, one call at a time, on the stream's own clock."""
    if retry is not None:
        options["retry"] = retry
    return Producer(
        stream,
        stream.name,
        dead_letters,
        ProducerOptions(batch=NEVER, senders=1, **options),
        clock=stream.clock,
        wait=stream.clock.wait,
        jitter=random.Random(7),  # noqa: S311 - no secret
    )


def ids(stream: FakeStream) -> list[str]:
    return [json.loads(data)["event_id"] for data in stream.stored()]


def letters(dead_letters: DeadLetterFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dead_letters.path.read_text().splitlines()]


def failing(seed: int, share: float) -> Callable[[int], str | None]:
    draws = random.Random(seed)  # noqa: S311 - no secret
    return lambda _attempt: THROTTLED if draws.random() < share else None


def test_an_event_goes_on_the_stream_as_compact_json_under_its_sources_key(
    dead_letters: DeadLetterFile,
) -> None:
    stream = FakeStream()
    with producer_for(stream, dead_letters) as producer:
        producer.put(
            {"event_id": "1", "source": "web_log", "client_address": "::1", "target": "/é"}
        )
    assert stream.calls == [
        [
            Record(
                '{"event_id":"1","source":"web_log","client_address":"::1","target":"/é"}'.encode(),
                "::1",
            )
        ]
    ]


def test_500_events_make_a_call_and_the_rest_goes_at_close(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    producer = producer_for(stream, dead_letters)
    for number in range(1_201):
        producer.put(event(number))
    assert producer.close() == DeliveryReport(delivered=1_201, dead_lettered=0)
    assert [len(call) for call in stream.calls] == [500, 500, 201]


def test_a_call_stays_within_10_mib_keys_included(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    with producer_for(stream, dead_letters) as producer:
        for number in range(25):
            producer.put(event(number, target="x" * 1_000_000))
    assert [len(call) for call in stream.calls] == [10, 10, 5]


def test_keys_count_towards_the_size_of_a_call(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    key = "k" * 256
    empty = len(json.dumps(event(100, client_address=key, target=""), separators=(",", ":")))
    with producer_for(stream, dead_letters) as producer:
        for number in range(100, 600):
            producer.put(event(number, client_address=key, target="x" * (20_900 - empty)))
    # 500 x 20,900 bytes fit into 10 MiB; with their keys only 495 do.
    assert [len(call) for call in stream.calls] == [495, 5]


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 1_100_000), min_size=1, max_size=40),
    keys=st.lists(st.text(max_size=300), min_size=1, max_size=40),
)
def test_every_event_is_delivered_or_set_aside_whatever_its_size_and_key(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], keys: list[str]
) -> None:
    stream = FakeStream()
    path = tmp_path_factory.mktemp("letters") / "dead_letters.jsonl"
    with DeadLetterFile(path) as dead_letters:
        producer = producer_for(stream, dead_letters)
        for number, size in enumerate(sizes):
            key = keys[number % len(keys)]
            producer.put(event(number, client_address=key, target="x" * size))
        report = producer.close()
        assert report.delivered + report.dead_lettered == len(sizes)
        assert report.delivered == len(stream.stored())
        assert report.dead_lettered == len(letters(dead_letters))
        assert len(set(ids(stream))) == report.delivered


def test_an_event_over_1000_kib_is_set_aside_and_the_rest_is_sent(
    dead_letters: DeadLetterFile,
) -> None:
    stream = FakeStream()
    with producer_for(stream, dead_letters) as producer:
        producer.put(event(1))
        producer.put(event(2, target="x" * 1_024_000), line=2, raw=b"the line")
        producer.put(event(3))
    assert sorted(ids(stream)) == ["id-1", "id-3"]
    assert letters(dead_letters) == [
        {
            "source": "web_log",
            "line": 2,
            "reason": "event: must have at most 1024000 bytes as JSON",
            "holds": "line",
            "raw": "the line",
        }
    ]


def test_an_event_of_exactly_1000_kib_is_sent(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    overhead = len(json.dumps({"event_id": "1", "x": ""}, separators=(",", ":")))
    with producer_for(stream, dead_letters) as producer:
        producer.put({"event_id": "1", "x": "y" * (1_024_000 - overhead)})
    assert [len(data) for data in stream.stored()] == [1_024_000]


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", float("nan"), float("inf"), "\ud800", object()],
    ids=["set", "bytes", "nan", "inf", "surrogate", "object"],
)
def test_an_event_that_is_no_json_is_set_aside_and_the_rest_is_sent(
    dead_letters: DeadLetterFile, value: object
) -> None:
    stream = FakeStream()
    with producer_for(stream, dead_letters) as producer:
        producer.put(event(1, target=value))
        producer.put(event(2))
    assert ids(stream) == ["id-2"]
    assert [letter["reason"] for letter in letters(dead_letters)] == [
        "event: must hold values of JSON alone"
    ]


def test_only_the_records_that_failed_are_sent_again(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream(fail_record=lambda attempt: THROTTLED if attempt in (2, 4) else None)
    with producer_for(stream, dead_letters) as producer:
        for number in range(1, 6):
            producer.put(event(number))
    sent = [[json.loads(record.data)["event_id"] for record in call] for call in stream.calls]
    assert sent == [["id-1", "id-2", "id-3", "id-4", "id-5"], ["id-2", "id-4"]]


@pytest.mark.parametrize("seed", range(20))
def test_a_tenth_of_the_records_failing_loses_nothing_and_resends_little(
    dead_letters: DeadLetterFile, seed: int
) -> None:
    stream = FakeStream(fail_record=failing(seed, 0.1))
    producer = producer_for(stream, dead_letters)
    for number in range(3_000):
        producer.put(event(number))
    assert producer.close() == DeliveryReport(delivered=3_000, dead_lettered=0)
    assert Counter(ids(stream)) == Counter(f"id-{number}" for number in range(3_000))
    assert stream.attempts <= 3_000 * 1.15
    # Were each failed record sent by itself, it would be 300 more.
    assert len(stream.calls) <= 20


def test_statistics_by_source_add_up(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream(fail_record=lambda attempt: THROTTLED if attempt == 1 else None)
    with producer_for(stream, dead_letters) as producer:
        producer.put({"event_id": "1", "source": "a"})
        producer.put({"event_id": "2", "source": "b"})
        producer.put({"event_id": "3", "source": "b", "x": "y" * 2 * MIB})
    assert dict(producer.statistics) == {
        "a": SourceStatistics(accepted=1, delivered=1, retried=1, dead_lettered=0, bytes=29),
        "b": SourceStatistics(accepted=2, delivered=1, retried=0, dead_lettered=1, bytes=29),
    }


def test_a_call_that_times_out_is_sent_again_whole(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    stream.fail_calls = [
        TransportError("PutRecords", "events", code, retryable=True)
        for code in ("ReadTimeoutError", "ThrottlingException", "EndpointConnectionError")
    ]
    producer = producer_for(stream, dead_letters)
    for number in range(3):
        producer.put(event(number))
    assert producer.close() == DeliveryReport(delivered=3, dead_lettered=0)
    assert producer.statistics["web_log"].retried == 9


def test_waits_are_random_and_grow_to_a_bound(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream(fail_record=lambda attempt: THROTTLED if attempt <= 40 else None)
    retry = RetryPolicy(first_wait_seconds=0.1, longest_wait_seconds=2.0, deadline_seconds=600)
    with producer_for(stream, dead_letters, retry=retry) as producer:
        producer.put(event(1))
    waits = stream.clock.slept
    assert len(waits) == 40
    assert waits[0] <= 0.1
    assert waits[1] <= 0.2
    assert max(waits) <= 2.0
    assert max(waits) > 1.0
    assert len(set(waits)) == 40


def test_a_call_that_mostly_succeeds_hardly_delays_the_next(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream(fail_record=lambda attempt: THROTTLED if attempt == 1 else None)
    with producer_for(stream, dead_letters, retry=RetryPolicy(first_wait_seconds=1.0)) as producer:
        for number in range(100):
            producer.put(event(number))
    assert len(stream.clock.slept) == 1
    assert stream.clock.slept[0] <= 0.01


def test_what_is_not_stored_by_the_deadline_is_set_aside(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream(fail_record=lambda _attempt: THROTTLED)
    started = stream.clock()
    producer = producer_for(stream, dead_letters, retry=RetryPolicy(deadline_seconds=30))
    producer.put(event(1), line=7, raw=b"line seven")
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=1)
    assert stream.clock() - started <= 30
    assert letters(dead_letters) == [
        {
            "source": "web_log",
            "line": 7,
            "reason": "delivery: must succeed before the producer gives up, last error "
            "ProvisionedThroughputExceededException",
            "holds": "event",
            "raw": '{"event_id":"id-1","source":"web_log","client_address":"10.0.0.1"}',
        }
    ]


def test_a_dead_endpoint_costs_the_deadline_once(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream(fail_record=lambda _attempt: THROTTLED)
    started = stream.clock()
    producer = producer_for(stream, dead_letters, retry=RetryPolicy(deadline_seconds=30))
    for number in range(5_000):
        producer.put(event(number))
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=5_000)
    assert stream.clock() - started <= 30


def test_an_endpoint_that_comes_back_is_waited_for_again(dead_letters: DeadLetterFile) -> None:
    dead = True
    stream = FakeStream(fail_record=lambda _attempt: THROTTLED if dead else None)
    producer = producer_for(stream, dead_letters, retry=RetryPolicy(deadline_seconds=10))
    producer.put(event(1))
    producer.flush()
    dead = False
    producer.put(event(2))
    producer.flush()
    stream.fail_calls = [TransportError("PutRecords", "events", "Timeout", retryable=True)] * 3
    producer.put(event(3))
    assert producer.close() == DeliveryReport(delivered=2, dead_lettered=1)
    assert sorted(ids(stream)) == ["id-2", "id-3"]


def test_a_stream_that_does_not_exist_stops_the_producer_with_everything_set_aside(
    dead_letters: DeadLetterFile,
) -> None:
    stream = FakeStream()
    producer = Producer(stream, "no-such-stream", dead_letters, ProducerOptions(batch=NEVER))
    producer.put(event(1))
    producer.put(event(2))
    with pytest.raises(
        DeliveryError,
        match=r"^PutRecords on data stream 'no-such-stream' failed: ResourceNotFoundException; "
        r"2 events went to the dead letters$",
    ):
        producer.flush()
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=2)
    assert [json.loads(letter["raw"])["event_id"] for letter in letters(dead_letters)] == [
        "id-1",
        "id-2",
    ]


def test_a_stream_with_smaller_limits_loses_only_what_does_not_fit_it(
    dead_letters: DeadLetterFile,
) -> None:
    stream = FakeStream(max_record_bytes=10_000, max_call_bytes=100_000)
    producer = producer_for(stream, dead_letters)
    for number in range(100):
        producer.put(event(number, target="x" * (20_000 if number == 41 else 5_000)))
    assert producer.close() == DeliveryReport(delivered=99, dead_lettered=1)
    assert json.loads(letters(dead_letters)[0]["raw"])["event_id"] == "id-41"
    assert stream.clock.slept == []


def test_leaving_the_context_after_an_error_still_delivers(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()

    def put_and_fail() -> None:
        with producer_for(stream, dead_letters) as producer:
            producer.put(event(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        put_and_fail()
    assert ids(stream) == ["id-1"]


def test_full_dead_letters_stop_the_producer_with_one_line(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    stream = FakeStream()
    with DeadLetterFile(tmp_path / "letters") as usable:
        producer = producer_for(stream, usable)
        with full.open("ab") as device:
            usable._file, kept = device.fileno(), usable._file
            try:
                with pytest.raises(DeliveryError, match="cannot be written: No space left"):
                    producer.put(event(1, target=float("nan")))
            finally:
                usable._file = kept
