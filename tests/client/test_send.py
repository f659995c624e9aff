from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.retry import RetryPolicy
from tidelake.client.send import InputCounts, SendProgress, check_input, send
from tidelake.contract.errors import ConfigurationError, DeliveryError, InputError
from tidelake.contract.events import ParsedLine, RejectedLine


def good(line: int) -> ParsedLine:
    return ParsedLine(line, {"event_id": f"id-{line}", "source": "web_log"}, b"good %d" % line)


def bad(line: int) -> RejectedLine:
    return RejectedLine("web_log", line, "status: must be a number", b"bad %d" % line)


LINES: list[ParsedLine | RejectedLine] = [good(1), bad(2), good(3), good(4), bad(5)]


def producer_for(stream: FakeStream, dead_letters: DeadLetterFile) -> Producer:
    return Producer(
        stream,
        "events",
        dead_letters,
        ProducerOptions(retry=RetryPolicy(deadline_seconds=5)),
        clock=stream.clock,
        wait=stream.clock.wait,
    )


def test_events_are_delivered_and_rejected_lines_set_aside(dead_letters: DeadLetterFile) -> None:
    stream = FakeStream()
    report = send(LINES, producer_for(stream, dead_letters), dead_letters)
    assert (report.lines, report.accepted, report.rejected) == (5, 3, 2)
    assert (report.delivered, report.undelivered) == (3, 0)
    assert sorted(stream.stored()) == [
        b'{"event_id":"id-1","source":"web_log"}',
        b'{"event_id":"id-3","source":"web_log"}',
        b'{"event_id":"id-4","source":"web_log"}',
    ]
    assert [json.loads(line)["line"] for line in dead_letters.path.read_text().splitlines()] == [
        2,
        5,
    ]


def test_an_undelivered_event_is_counted_and_set_aside_with_its_line(
    dead_letters: DeadLetterFile,
) -> None:
    stream = FakeStream(fail_record=lambda _attempt: "InternalFailure")
    report = send([good(9)], producer_for(stream, dead_letters), dead_letters)
    assert (report.accepted, report.delivered, report.undelivered) == (1, 0, 1)
    letter = json.loads(dead_letters.path.read_text())
    assert (letter["line"], letter["raw"]) == (
        9,
        '{"event_id":"id-9","source":"web_log"}',
    )


def test_progress_ends_with_the_whole(dead_letters: DeadLetterFile) -> None:
    seen: list[SendProgress] = []
    stream = FakeStream()
    ticks = iter(range(1000))
    send(
        LINES,
        producer_for(stream, dead_letters),
        dead_letters,
        on_progress=seen.append,
        clock=lambda: float(next(ticks)),
    )
    assert len(seen) == 6
    assert (seen[0].lines, seen[0].delivered) == (1, 0)
    assert (seen[-1].lines, seen[-1].rejected, seen[-1].delivered) == (5, 2, 3)
    assert seen[-1].events_per_second == 3 / seen[-1].seconds


def test_what_was_put_before_the_input_broke_is_delivered(dead_letters: DeadLetterFile) -> None:
    def broken() -> Iterator[ParsedLine]:
        yield good(1)
        raise InputError("broken gzip")

    stream = FakeStream()
    with pytest.raises(InputError, match="broken gzip"):
        send(broken(), producer_for(stream, dead_letters), dead_letters)
    assert len(stream.stored()) == 1


def test_a_stream_that_cannot_be_written_stops_the_sending(dead_letters: DeadLetterFile) -> None:
    producer = Producer(FakeStream("other"), "events", dead_letters)
    with pytest.raises(DeliveryError, match="'events' failed: ResourceNotFoundException"):
        send(LINES, producer, dead_letters)
    assert dead_letters.count == 5


def test_a_check_counts_without_sending(dead_letters: DeadLetterFile) -> None:
    assert check_input(LINES, dead_letters) == InputCounts(lines=5, accepted=3, rejected=2)
    assert dead_letters.count == 2


def test_an_input_of_rejected_lines_alone_is_refused_with_the_first_reason(
    dead_letters: DeadLetterFile,
) -> None:
    with pytest.raises(InputError) as caught:
        check_input([bad(1), bad(2)], dead_letters)
    assert str(caught.value) == (
        "nothing can be sent: 0 of 2 lines hold an event; line 1: status: must be a number"
    )
    assert dead_letters.count == 2


def test_metrics_that_cannot_be_opened_leave_no_thread_behind(
    dead_letters: DeadLetterFile, tmp_path: Path
) -> None:
    before = set(threading.enumerate())
    options = ProducerOptions(metrics=tmp_path / "missing" / "metrics.jsonl")
    producer = Producer(FakeStream(), "events", dead_letters, options)
    assert set(threading.enumerate()) != before
    with pytest.raises(ConfigurationError, match="metrics"):
        send(LINES, producer, dead_letters)
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
    assert set(threading.enumerate()) == before
    assert producer.report().delivered == 0
