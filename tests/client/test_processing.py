from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tidelake.client.checkpoint_file import FileCheckpoints
from tidelake.client.consumer import Consumer
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.processing import Processed, process
from tidelake.client.transport import ReceivedRecord, Record
from tidelake.contract.errors import DeliveryError
from tidelake.contract.events import Event

ARRIVED = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int, data: bytes | None = None) -> ReceivedRecord:
    event = json.dumps({"event_id": str(number), "source": "web_log"}).encode()
    blob = event if data is None else data
    return ReceivedRecord(blob, "k", f"{number:05}", "shardId-0", ARRIVED)


def letters(dead_letters: DeadLetterFile) -> list[dict[str, object]]:
    return [json.loads(line) for line in dead_letters.path.read_text().splitlines()]


def no_sleep(_seconds: float) -> None:
    pass


class Handler:
    """Takes events, but fails so many times for some ids."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.taken: list[object] = []

    def __call__(self, event: Event) -> None:
        left = self.failures.get(f"id_{event['event_id']}", 0)
        if left:
            self.failures[f"id_{event['event_id']}"] = left - 1
            raise ValueError("canary@example.org")
        self.taken.append(event["event_id"])


def test_a_handler_that_recovers_takes_the_event(dead_letters: DeadLetterFile) -> None:
    handler = Handler(id_1=2)
    done = process([record(0), record(1)], handler, dead_letters, sleep=no_sleep)
    assert handler.taken == ["0", "1"]
    assert done == Processed(handled=2, dead=0)


def test_a_poison_record_becomes_a_dead_letter_after_its_attempts_and_the_rest_goes_on(
    dead_letters: DeadLetterFile,
) -> None:
    handler = Handler(id_1=1_000)
    done = process([record(0), record(1), record(2)], handler, dead_letters, sleep=no_sleep)
    assert handler.taken == ["0", "2"]
    assert handler.failures["id_1"] == 997
    assert done == Processed(handled=2, dead=1)
    assert letters(dead_letters) == [
        {
            "source": "web_log",
            "line": None,
            "reason": "handler: failed 3 times, at last with ValueError "
            "(shard shardId-0, sequence number 00001)",
            "holds": "event",
            "raw": '{"event_id": "1", "source": "web_log"}',
        }
    ]


def test_a_record_that_holds_no_event_is_set_aside_at_once(dead_letters: DeadLetterFile) -> None:
    handler = Handler()
    process([record(0, b"\xff"), record(1)], handler, dead_letters, sleep=no_sleep)
    assert handler.taken == ["1"]
    assert letters(dead_letters) == [
        {
            "source": "unknown",
            "line": None,
            "reason": "record: must be JSON (shard shardId-0, sequence number 00000)",
            "holds": "line",
            "raw_base64": "/w==",
        }
    ]


def test_a_dead_letter_is_on_the_disk_before_the_next_record_is_asked_for(
    dead_letters: DeadLetterFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(dead_letters, "sync", lambda: order.append("fsync"))

    def records() -> Iterator[ReceivedRecord]:
        yield record(0, b"poison")
        order.append("asked for the next")

    process(records(), Handler(), dead_letters, sleep=no_sleep)
    assert order == ["fsync", "asked for the next"]


def test_pauses_between_attempts_double(dead_letters: DeadLetterFile) -> None:
    pauses: list[float] = []
    process([record(1)], Handler(id_1=9), dead_letters, attempts=4, sleep=pauses.append)
    assert pauses == [0.5, 1.0, 2.0]


def test_a_reader_that_went_away_is_no_fault_of_the_record(dead_letters: DeadLetterFile) -> None:
    def write(_event: Event) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        process([record(0)], write, dead_letters, sleep=no_sleep)
    assert dead_letters.count == 0


def test_an_output_that_cannot_be_written_ends_the_work_and_sets_nothing_aside(
    dead_letters: DeadLetterFile,
) -> None:
    def write(_event: Event) -> None:
        raise DeliveryError("standard output cannot be written: No space left on device")

    with pytest.raises(DeliveryError):
        process([record(0), record(1)], write, dead_letters, sleep=no_sleep)
    assert dead_letters.count == 0


def test_the_checkpoint_passes_a_poison_record_once_it_is_set_aside(
    tmp_path: Path, dead_letters: DeadLetterFile
) -> None:
    stream = FakeStream(shards=1)
    stream.put_records(stream.name, [Record(record(n).data, "k") for n in range(3)])

    def run(handler: Handler) -> None:
        checkpoints = FileCheckpoints(tmp_path / "c.json", stream.name)
        with Consumer(
            stream,
            stream.name,
            checkpoints=checkpoints,
            clock=stream.clock,
            sleep=stream.clock.sleep,
        ) as consumer:
            process(consumer.read_to_tip(), handler, dead_letters, sleep=no_sleep)

    run(Handler(id_1=1_000))
    again = Handler()
    run(again)
    assert again.taken == []
    assert dead_letters.count == 1
