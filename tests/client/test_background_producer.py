"""What the producer promises beyond one call: order, bounds, positions, the spool, its end."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.fake_stream import FakeStream
from tidelake.client.batching import BatchPolicy
from tidelake.client.dead_letters import DeadLetterFile, read_dead_letters
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.receipts import ReceiptFile
from tidelake.client.records import Entry
from tidelake.client.retry import RetryPolicy
from tidelake.client.spool import Spool
from tidelake.client.statistics import DeliveryReport, SourceStatistics
from tidelake.client.transport import Outcome, Record
from tidelake.contract.deaggregation import deaggregate
from tidelake.contract.errors import DeliveryError, ProducerFullError, TransportError

QUICK = RetryPolicy(first_wait_seconds=0.001, longest_wait_seconds=0.005)
THROTTLED = "ProvisionedThroughputExceededException"


class BlockedStream(FakeStream):
    """A stream that answers no call until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def put_records(self, stream: str, records: Sequence[Record]) -> list[Outcome]:
        self.opened.wait(10)
        return super().put_records(stream, records)


def event(number: int, key: str = "k") -> dict[str, object]:
    return {"event_id": f"id-{number}", "source": "web_log", "client_address": key}


def ids(stream: FakeStream) -> list[str]:
    """Ids in the order of each shard."""
    found = []
    for data in stream.stored():
        packed = deaggregate(data)
        blobs = [data] if packed is None else [blob for blob, _ in packed]
        found += [json.loads(blob)["event_id"] for blob in blobs]
    return found


def failing(seed: int, share: float) -> Any:
    draws = random.Random(seed)  # noqa: S311 - no secret
    return lambda _attempt: THROTTLED if draws.random() < share else None


# Batches


def test_a_batch_that_is_not_full_goes_after_its_linger_time(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    options = ProducerOptions(batch=BatchPolicy(linger_seconds=0.02))
    with Producer(stream, "events", dead_letters, options) as producer:
        producer.put(event(1))
        give_up = time.monotonic() + 5
        while not stream.calls:
            assert time.monotonic() < give_up
            time.sleep(0.005)


def test_put_does_not_wait_for_the_call(dead_letters: DeadLetterFile) -> None:
    stream = BlockedStream()
    with Producer(stream, "events", dead_letters) as producer:
        for number in range(2_000):
            producer.put(event(number))
        assert stream.calls == []
        stream.opened.set()
    assert len(ids(stream)) == 2_000


def test_many_threads_may_put(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    with Producer(stream, "events", dead_letters) as producer:

        def put(first: int) -> None:
            for number in range(first, first + 500):
                producer.put(event(number))

        threads = [threading.Thread(target=put, args=(n * 500,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(ids(stream)) == sorted(f"id-{number}" for number in range(4_000))


@pytest.mark.parametrize("aggregate", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_a_tenth_failing_loses_nothing_with_several_calls_under_way(
    dead_letters: DeadLetterFile, seed: int, aggregate: bool
) -> None:
    stream = FakeStream(shards=4, fail_record=failing(seed, 0.1))
    options = ProducerOptions(retry=QUICK, aggregate=aggregate)
    with Producer(stream, "events", dead_letters, options) as producer:
        for number in range(3_000):
            producer.put(event(number, key=f"k{number % 50}"))
    assert sorted(ids(stream)) == sorted(f"id-{number}" for number in range(3_000))
    assert producer.report() == DeliveryReport(delivered=3_000, dead_lettered=0)
    stored = sum(len(call) for call in stream.calls) - producer.statistics["web_log"].retried
    assert aggregate or stored == 3_000


# Bounded memory


def test_put_raises_when_there_is_no_room_in_time(dead_letters: DeadLetterFile) -> None:
    stream = BlockedStream()
    options = ProducerOptions(
        batch=BatchPolicy(max_records=10, max_waiting_events=30), put_timeout_seconds=0.05
    )
    producer = Producer(stream, "events", dead_letters, options)
    for number in range(30):
        producer.put(event(number))
    with pytest.raises(ProducerFullError, match=r"^no room for another event after 0.05 s: 30 "):
        producer.put(event(30))
    assert 0.04 < producer.blocked_seconds < 5
    stream.opened.set()
    assert producer.close() == DeliveryReport(delivered=30, dead_lettered=0)


def test_put_goes_on_as_soon_as_there_is_room(dead_letters: DeadLetterFile) -> None:
    stream = BlockedStream()
    options = ProducerOptions(batch=BatchPolicy(max_records=10, max_waiting_events=30))
    threading.Timer(0.1, stream.opened.set).start()
    with Producer(stream, "events", dead_letters, options) as producer:
        for number in range(200):
            producer.put(event(number))
    assert len(ids(stream)) == 200


def test_large_events_are_bounded_by_their_bytes(dead_letters: DeadLetterFile) -> None:
    stream = BlockedStream()
    options = ProducerOptions(
        batch=BatchPolicy(max_bytes=100_000, max_waiting_bytes=300_000), put_timeout_seconds=0
    )
    producer = Producer(stream, "events", dead_letters, options)
    large = {**event(1), "target": "x" * 50_000}
    # Batches of one, and so six of them come to 300,000 bytes.
    for _ in range(6):
        producer.put(large)
    with pytest.raises(ProducerFullError):
        producer.put(large)
    stream.opened.set()
    producer.close()


# Order


def keys_in_order(stream: FakeStream) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for data in stream.stored():
        packed = deaggregate(data)
        for blob in [data] if packed is None else [blob for blob, _ in packed]:
            one = json.loads(blob)
            found[one["client_address"]].append(int(one["event_id"].removeprefix("id-")))
    return found


@settings(deadline=None, max_examples=30)
@given(
    keys=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=120),
    seed=st.integers(0, 1_000),
    aggregate=st.booleans(),
    lost_calls=st.integers(0, 3),
)
def test_ordered_keeps_the_order_of_each_key_under_failures(
    tmp_path_factory: pytest.TempPathFactory,
    keys: list[str],
    seed: int,
    aggregate: bool,
    lost_calls: int,
) -> None:
    stream = FakeStream(shards=3, fail_record=failing(seed, 0.3))
    stream.fail_calls = [
        TransportError("PutRecords", "events", "Timeout", retryable=True)
    ] * lost_calls
    if aggregate:
        # The list of shards is not asked for in this test's failing calls.
        stream.fail_calls = []
    batch = BatchPolicy(max_records=7, linger_seconds=0.001)
    options = ProducerOptions(batch=batch, retry=QUICK, ordered=True, aggregate=aggregate)
    with (
        DeadLetterFile(tmp_path_factory.mktemp("letters") / "letters") as dead_letters,
        Producer(stream, "events", dead_letters, options) as producer,
    ):
        for number, key in enumerate(keys):
            producer.put(event(number, key))
    expected: dict[str, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        expected[key].append(number)
    assert keys_in_order(stream) == expected


def test_ordered_never_has_two_records_of_a_key_in_a_call(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    options = ProducerOptions(ordered=True)
    with Producer(stream, "events", dead_letters, options) as producer:
        for number in range(100):
            producer.put(event(number, key=f"k{number % 3}"))
    for call in stream.calls:
        sent = [record.partition_key for record in call]
        assert len(sent) == len(set(sent))


# Outcomes and positions


def test_every_event_has_one_outcome_that_says_where_it_is(dead_letters: DeadLetterFile) -> None:
    seen: dict[object, Outcome] = {}

    def note(entries: Sequence[Entry], outcome: Outcome) -> None:
        for entry in entries:
            assert entry.position not in seen
            seen[entry.position] = outcome

    stream = FakeStream(fail_record=failing(1, 0.2), max_record_bytes=1_000)
    options = ProducerOptions(retry=QUICK)
    with Producer(
        stream, "events", dead_letters, options, on_outcome=note, on_settled=lambda _: None
    ) as producer:
        for number in range(100):
            producer.put(event(number), position=number)
        producer.put({**event(100), "target": "x" * 2_000}, position=100)
    assert [seen[number].error_code for number in range(101)] == [None] * 100 + [
        "ValidationException"
    ]
    assert seen[0].shard_id.startswith("shardId-")


def test_positions_are_settled_in_order_each_with_all_before_it(
    dead_letters: DeadLetterFile,
) -> None:
    settled: list[object] = []
    stream = FakeStream(fail_record=failing(3, 0.3))
    options = ProducerOptions(batch=BatchPolicy(max_records=10), retry=QUICK)
    with Producer(stream, "events", dead_letters, options, on_settled=settled.extend) as producer:
        for number in range(300):
            if number % 7 == 0:
                producer.skip(number)
            elif number % 11 == 0:
                producer.put({"event_id": float("nan")}, position=number)
            else:
                producer.put(event(number), position=number)
    assert settled == list(range(300))


def test_a_position_is_not_settled_before_an_event_in_front_of_it(
    dead_letters: DeadLetterFile,
) -> None:
    settled: list[object] = []
    stream = BlockedStream()
    options = ProducerOptions(batch=BatchPolicy(linger_seconds=0))
    with Producer(stream, "events", dead_letters, options, on_settled=settled.extend) as producer:
        producer.put(event(1), position=1)
        producer.skip(2)
        time.sleep(0.05)
        assert settled == []
        stream.opened.set()
    assert settled == [1, 2]


# The spool and the receipts


def test_with_a_spool_a_position_is_settled_once_its_event_is_on_the_disk(
    tmp_path: Path, dead_letters: DeadLetterFile
) -> None:
    settled: list[object] = []
    stream = BlockedStream()
    options = ProducerOptions(spool=tmp_path / "spool", receipts=tmp_path / "receipts.txt")
    with Producer(stream, "events", dead_letters, options, on_settled=settled.extend) as producer:
        producer.put(event(1), position=1)
        assert settled == [1]
        assert (tmp_path / "receipts.txt").read_text() == "id-1\n"
        assert stream.stored() == []
        stream.opened.set()


def test_what_is_not_delivered_at_close_stays_in_the_spool_and_goes_first_next_time(
    tmp_path: Path, dead_letters: DeadLetterFile
) -> None:
    options = ProducerOptions(spool=tmp_path / "spool", ordered=True, close_seconds=0.1)
    down = FakeStream(fail_record=lambda _: THROTTLED)
    producer = Producer(down, "events", dead_letters, options)
    for number in range(20):
        producer.put(event(number), wait=False)
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=0, spooled=20)
    assert dead_letters.count == 0
    up = FakeStream()
    with Producer(up, "events", dead_letters, options) as producer:
        producer.put(event(20))
    assert producer.report() == DeliveryReport(delivered=21, dead_lettered=0, recovered=20)
    assert ids(up) == [f"id-{number}" for number in range(21)]
    assert list((tmp_path / "spool").glob("*.segment")) == []


def test_callers_that_waited_for_room_together_keep_to_the_bytes_of_a_batch(
    dead_letters: DeadLetterFile,
) -> None:
    gate = threading.Event()
    stream = FakeStream(fail_record=lambda _: None if gate.wait(10) else THROTTLED)
    batch = BatchPolicy(max_bytes=1_000, max_waiting_bytes=900, linger_seconds=math.inf)
    producer = Producer(stream, "events", dead_letters, ProducerOptions(batch=batch))
    large = [{**event(number), "filling": "x" * 900} for number in range(5)]
    producer.put(large[0])
    callers = [threading.Thread(target=producer.put, args=(each,)) for each in large[1:]]
    for caller in callers:
        caller.start()
    time.sleep(0.2)
    gate.set()
    for caller in callers:
        caller.join(timeout=10)
    deadline = time.monotonic() + 10
    # Each but the last was sealed by the one after it.
    while len(stream.stored()) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(stream.stored()) == 4
    producer.close()
    assert sorted(ids(stream)) == [f"id-{number}" for number in range(5)]


def test_a_spool_that_cannot_be_recovered_is_left_as_it_is_and_no_thread_stays(
    dead_letters: DeadLetterFile, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    # What no read can open, for the user root either.
    (spool / "0000000001.segment").mkdir(parents=True)
    before = threading.enumerate()
    # A second time, too: the first one let go of the folder.
    for _ in range(2):
        with pytest.raises(DeliveryError, match=r"0000000001\.segment' cannot be read"):
            Producer(FakeStream(), "events", dead_letters, ProducerOptions(spool=spool))
    assert (spool / "0000000001.segment").is_dir()
    for thread in set(threading.enumerate()) - set(before):
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_a_stream_that_does_not_exist_leaves_everything_in_the_spool(
    tmp_path: Path, dead_letters: DeadLetterFile
) -> None:
    options = ProducerOptions(spool=tmp_path / "spool", batch=BatchPolicy(linger_seconds=math.inf))
    producer = Producer(FakeStream("other"), "events", dead_letters, options)
    producer.put(event(1))
    with pytest.raises(
        DeliveryError, match="ResourceNotFoundException; 1 events stay in the spool"
    ):
        producer.close()
    with Producer(FakeStream(), "events", dead_letters, options) as again:
        pass
    assert again.report().recovered == 1


def test_what_a_stream_refuses_leaves_the_spool_for_the_dead_letters(
    tmp_path: Path, dead_letters: DeadLetterFile
) -> None:
    options = ProducerOptions(spool=tmp_path / "spool")
    stream = FakeStream(max_record_bytes=1_000)
    with Producer(stream, "events", dead_letters, options) as producer:
        producer.put({**event(1), "target": "x" * 2_000})
    assert producer.report() == DeliveryReport(delivered=0, dead_lettered=1)
    assert list((tmp_path / "spool").glob("*.segment")) == []


def test_receipts_hold_every_accepted_event_and_no_refused_one(
    tmp_path: Path, dead_letters: DeadLetterFile
) -> None:
    options = ProducerOptions(receipts=tmp_path / "receipts.txt")
    with Producer(FakeStream(), "events", dead_letters, options) as producer:
        for number in range(3):
            producer.put(event(number))
        producer.put({"event_id": "refused", "value": float("nan")})
    assert (tmp_path / "receipts.txt").read_text() == "id-0\nid-1\nid-2\n"


@pytest.mark.parametrize("aggregate", [False, True])
def test_an_event_that_the_full_disk_of_the_spool_refused_is_neither_sent_nor_counted(
    aggregate: bool, tmp_path: Path, dead_letters: DeadLetterFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = BlockedStream()
    options = ProducerOptions(spool=tmp_path / "spool", aggregate=aggregate)
    producer = Producer(stream, "events", dead_letters, options)
    producer.put(event(1))
    monkeypatch.setattr(Spool, "append", refused_by_a_full_disk)
    with pytest.raises(DeliveryError, match="No space left"):
        producer.put(event(2))
    assert producer.statistics == {"web_log": SourceStatistics(accepted=1)}
    monkeypatch.undo()
    producer.put(event(3))
    stream.opened.set()
    assert producer.close() == DeliveryReport(delivered=2, dead_lettered=0)
    assert ids(stream) == ["id-1", "id-3"]


def test_an_event_that_the_full_disk_of_the_receipts_refused_is_neither_sent_nor_counted(
    tmp_path: Path, dead_letters: DeadLetterFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = FakeStream()
    options = ProducerOptions(receipts=tmp_path / "receipts.txt")
    producer = Producer(stream, "events", dead_letters, options)
    monkeypatch.setattr(ReceiptFile, "add", refused_by_a_full_disk)
    with pytest.raises(DeliveryError, match="No space left"):
        producer.put(event(1))
    monkeypatch.undo()
    assert producer.statistics == {}
    producer.put(event(2))
    assert producer.close() == DeliveryReport(delivered=1, dead_lettered=0)
    assert ids(stream) == ["id-2"]


def refused_by_a_full_disk(*_: object) -> None:
    raise DeliveryError("it cannot be written: No space left on device")


# The end


def test_close_sets_aside_what_is_not_delivered_in_time_and_says_how_many(
    dead_letters: DeadLetterFile,
) -> None:
    stream = FakeStream(fail_record=lambda _: THROTTLED)
    options = ProducerOptions(close_seconds=0.1)
    producer = Producer(stream, "events", dead_letters, options)
    for number in range(9_000):
        producer.put(event(number))
    started = time.monotonic()
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=9_000)
    assert time.monotonic() - started < 10
    again = [line.event["event_id"] for line in read_dead_letters(dead_letters.path)]  # type: ignore[union-attr]
    assert sorted(map(str, again)) == sorted(f"id-{number}" for number in range(9_000))


def test_a_call_without_an_answer_at_close_is_set_aside_too(dead_letters: DeadLetterFile) -> None:
    stream = BlockedStream()
    producer = Producer(stream, "events", dead_letters, ProducerOptions(close_seconds=0.05))
    producer.put(event(1))
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=1)
    stream.opened.set()


def test_a_closed_producer_takes_nothing(dead_letters: DeadLetterFile) -> None:
    producer = Producer(FakeStream(), "events", dead_letters)
    assert producer.close() == DeliveryReport(delivered=0, dead_lettered=0)
    with pytest.raises(DeliveryError, match="the producer is closed"):
        producer.put(event(1))


def test_a_defect_in_a_callback_is_told_to_the_caller(dead_letters: DeadLetterFile) -> None:
    def broken(_entries: Sequence[Entry], _outcome: Outcome) -> None:
        raise RuntimeError("defect")

    producer = Producer(FakeStream(), "events", dead_letters, on_outcome=broken)
    producer.put(event(1))
    with pytest.raises(DeliveryError, match="sending stopped: RuntimeError: defect"):
        producer.close()


def test_statistics_add_up_while_events_wait(dead_letters: DeadLetterFile) -> None:
    stream = BlockedStream()
    with Producer(stream, "events", dead_letters) as producer:
        for number in range(700):
            producer.put(event(number))
        assert producer.statistics == {"web_log": SourceStatistics(accepted=700)}
        stream.opened.set()
    assert producer.statistics["web_log"].delivered == 700


def test_reasons_never_quote_values(dead_letters: DeadLetterFile) -> None:
    secret = "canary-7f3a"
    stream = FakeStream(max_record_bytes=1_000)
    with Producer(stream, "events", dead_letters) as producer:
        producer.put({"event_id": secret, "source": "s", "x": float("nan")}, raw=b"-")
        producer.put({"event_id": secret, "source": "s", "x": "y" * 2_000_000}, raw=b"-")
        producer.put({"event_id": secret, "source": "s", "x": "y" * 2_000})
    for line in dead_letters.path.read_text().splitlines():
        letter = json.loads(line)
        del letter["raw"]
        assert secret not in json.dumps(letter)
