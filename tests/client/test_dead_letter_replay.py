"""What was set aside can be sent again, with the same ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tidelake.client.dead_letters import DeadLetterFile, read_dead_letters
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.retry import RetryPolicy
from tidelake.client.send import send
from tidelake.contract.errors import InputError
from tidelake.contract.events import Event, ParsedLine, RejectedLine

EVENT: Event = {"event_id": "1", "source": "web_log", "target": "/é"}


def test_an_undelivered_event_is_sent_again_as_it_was(tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    down = FakeStream(fail_record=lambda _: "InternalFailure")
    with DeadLetterFile(first) as letters:
        options = ProducerOptions(retry=RetryPolicy(deadline_seconds=0))
        with Producer(down, "events", letters, options) as producer:
            producer.put(EVENT, line=3)
    up = FakeStream()
    with DeadLetterFile(second) as letters:
        report = send(read_dead_letters(first), Producer(up, "events", letters), letters)
    assert (report.lines, report.accepted, report.delivered) == (1, 1, 1)
    assert up.stored() == [b'{"event_id":"1","source":"web_log","target":"/\xc3\xa9"}']
    assert second.read_bytes() == b""


def test_what_is_no_event_is_set_aside_again_with_its_line_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    rejected = RejectedLine("web_log", 7, "status: must be a number", b"raw \xff")
    with DeadLetterFile(path) as letters:
        letters.put_rejected(rejected)
    assert list(read_dead_letters(path)) == [rejected]


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"null",
        b'{"source":"s","line":1,"reason":"r","holds":"line"}',
        b'{"source":"s","line":1,"reason":"r","holds":"event","raw":"{"}',
        b'{"source":"s","line":1,"reason":"r","holds":"event","raw":5}',
        b'{"source":"s","line":1,"reason":"r","holds":"event","raw_base64":"%"}',
        b"\xff",
    ],
)
def test_a_line_that_is_no_dead_letter_is_rejected(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_bytes(text + b"\n")
    assert list(read_dead_letters(path)) == [
        RejectedLine("dead_letters", 1, "line: must be a dead letter", text)
    ]


def test_an_event_keeps_the_line_of_its_letter(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    with DeadLetterFile(path) as letters:
        letters.put(source="s", line=1, reason="r", raw=b"x")
        letters.put_event(source="web_log", line=9, reason="r", event=b'{"event_id":"1"}')
    assert list(read_dead_letters(path))[1] == ParsedLine(2, {"event_id": "1"}, b'{"event_id":"1"}')


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        list(read_dead_letters(tmp_path / "none"))
