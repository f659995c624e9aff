"""Each accepted event comes to one end and is counted there once, also where the end fails."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tidelake.client.batching import BatchPolicy
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.records import Entry
from tidelake.client.statistics import DeliveryReport
from tidelake.client.transport import Outcome
from tidelake.contract.errors import DeliveryError

EVENTS = 20
BY_FIVES = BatchPolicy(max_records=5, linger_seconds=math.inf)


class FillingDisk(DeadLetterFile):
    """Dead letters on a disk that is full after so many, until it is mended."""

    room = 2

    def put_event(self, *, source: str, line: int | None, reason: str, event: bytes) -> None:
        if self.room <= 0:
            raise DeliveryError("dead letters cannot be written: No space left on device")
        self.room -= 1
        super().put_event(source=source, line=line, reason=reason, event=event)


def put_until_refused(producer: Producer) -> int:
    """How many of the events were taken, before nothing can be delivered any more."""
    for number in range(EVENTS):
        try:
            producer.put({"event_id": f"id-{number}", "source": "web_log"})
        except DeliveryError:
            return number
    return EVENTS


@pytest.mark.parametrize("aggregate", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_what_a_full_disk_kept_from_the_dead_letters_is_there_at_the_end(
    aggregate: bool, ordered: bool, tmp_path: Path
) -> None:
    options = ProducerOptions(batch=BY_FIVES, senders=1, aggregate=aggregate, ordered=ordered)
    path = tmp_path / "dead.jsonl"
    disk = FillingDisk(path)
    with disk:
        producer = Producer(FakeStream("other"), "events", disk, options)
        taken = put_until_refused(producer)
        with pytest.raises(DeliveryError, match="No space left"):
            producer.flush()
        disk.room = 1_000
        report = producer.close()
    assert report == DeliveryReport(delivered=0, dead_lettered=taken)
    assert producer.statistics["web_log"].accepted == taken
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert {json.loads(letter["raw"])["event_id"] for letter in letters} == {
        f"id-{number}" for number in range(taken)
    }


def test_what_was_stored_is_no_dead_letter_where_the_caller_fails_at_the_news(
    dead_letters: DeadLetterFile,
) -> None:
    told = 0

    def on_outcome(_: Sequence[Entry], __: Outcome) -> None:
        nonlocal told
        told += 1
        if told == 3:
            raise RuntimeError("a defect of the caller's")

    stream = FakeStream()
    options = ProducerOptions(batch=BY_FIVES, senders=1)
    producer = Producer(stream, "events", dead_letters, options, on_outcome=on_outcome)
    for number in range(5):
        producer.put({"event_id": f"id-{number}", "source": "web_log"})
    with pytest.raises(DeliveryError, match="RuntimeError"):
        producer.close()
    assert len(stream.stored()) == 5
    assert producer.report() == DeliveryReport(delivered=5, dead_lettered=0)
