"""No reason, message, log or metric tells what a line held: only `raw` of a dead letter does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tests.sources.reading import outcomes
from tidelake import cli
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.send import check_input
from tidelake.contract.errors import InputError
from tidelake.contract.events import ParsedLine, RejectedLine, SkippedLine
from tidelake.contract.schema import SOURCES
from tidelake.operations import send as send_command

CANARIES = ("s3cr3t-c4n4ry", "jane.doe@example.org", "/x?password=s3cr3t-c4n4ry")

WEB_LOG = (
    'www.example.com 192.0.2.1 - alice [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512'
    ' "http://example.net/" "curl/8.5.0"'
)
CSV_HEADER = "timestamp,device_id,sensor_type,value,unit,location"
CSV = "2026-03-02 10:00:00,m1,temperature,7.5,C,hall 3"
JSON_LINES = {
    "sensor": [{"timestamp": "2026-03-02T10:00:00Z", "device_id": "m1", "type": "t", "value": 1}],
    "app_event": [
        {"schema_version": 2, "event_id": "e", "event_type": "purchase", "user_id": "u",
         "event_time": "2026-03-02T10:00:00Z", "product_id": "p", "price": "1", "currency": "EUR"},
        {"type": "view", "ts": 1, "user": "u", "url": "/"},
    ],
    "change_data": [
        {"timestamp": "2026-03-02T10:00:00Z", "table": "t", "operation": "UPDATE",
         "transaction_id": "x", "position": 3, "before": {"a": 1}, "after": {"a": 2},
         "key": {"a": 1}},
        {"key": {"id": 1}, "value": {
            "before": None, "after": {"id": 1}, "op": "c", "ts_ms": 1,
            "source": {"connector": "sqlserver", "name": "n", "ts_ms": 1, "snapshot": "false",
                       "db": "d", "schema": "s", "table": "t", "commit_lsn": None,
                       "change_lsn": None, "event_serial_no": 1},
            "transaction": {"id": "1", "total_order": 1}}},
    ],
}  # fmt: skip


def spoilt(value: object, canary: str) -> Iterator[object]:
    """The value with each of its parts in turn replaced by the canary, or told with it."""
    yield canary
    yield [canary]
    if isinstance(value, dict):
        for name, inner in value.items():
            others = {key: kept for key, kept in value.items() if key != name}
            for changed in spoilt(inner, canary):
                yield others | {name: changed}
            yield others | {canary: inner}
        yield value | {canary: 1}


def lines(source: str, canary: str) -> Iterator[str | bytes]:
    if source == "web_log":
        for place in range(len(WEB_LOG)):
            yield WEB_LOG[:place] + canary + WEB_LOG[place:]
        yield from (WEB_LOG.replace(part, canary) for part in WEB_LOG.split(" "))
    for given in JSON_LINES.get(source, []):
        yield from (json.dumps(changed) for changed in spoilt(given, canary))
        text = json.dumps(given)
        yield from (text[:place] + canary + text[place:] for place in range(len(text)))
    if source == "sensor":
        yield from (CSV.replace(part, canary) for part in CSV.split(","))
        yield f'{CSV}"{canary}'
        yield CSV_HEADER + "," + canary
    yield canary.encode() + b"\xff"
    yield canary * 100_000


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("source", sorted(SOURCES))
def test_no_reason_tells_what_the_line_held(source: str, canary: str) -> None:
    rejected = 0
    for line in lines(source, canary):
        for first in ([], [CSV_HEADER]) if source == "sensor" else ([],):
            found = outcomes(source, *first, line)[-1]
            if isinstance(found, RejectedLine | SkippedLine):
                rejected += isinstance(found, RejectedLine)
                for word in ("s3cr3t", "c4n4ry", "jane", "password"):
                    assert word not in found.reason
            else:
                assert isinstance(found, ParsedLine)
    assert rejected > 20


def test_a_header_that_holds_a_secret_is_not_told() -> None:
    found = outcomes("sensor", "timestamp,value,s3cr3t-c4n4ry", "1,2,3")
    assert all(isinstance(line, RejectedLine) and "s3cr3t" not in line.reason for line in found)


def test_only_raw_tells_it_in_a_dead_letter(tmp_path: Path) -> None:
    with (
        DeadLetterFile(tmp_path / "dead.jsonl") as dead_letters,
        pytest.raises(InputError) as caught,
    ):
        check_input(outcomes("web_log", "s3cr3t-c4n4ry ?password=s3cr3t-c4n4ry"), dead_letters)
    assert "s3cr3t" not in str(caught.value)
    letter = json.loads((tmp_path / "dead.jsonl").read_text())
    assert "s3cr3t" in letter.pop("raw")
    assert "s3cr3t" not in json.dumps(letter)


def test_the_command_does_not_tell_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "input"
    path.write_text('{"user_id": "jane.doe@example.org", "s3cr3t-c4n4ry": NaN}\n')
    dead = str(tmp_path / "dead.jsonl")
    with caplog.at_level("DEBUG"):
        assert cli.main(["send", "--source", "app_event", "--file", str(path),
                         "--dead-letters", dead]) == 2  # fmt: skip
    shown = "".join(capsys.readouterr()) + caplog.text
    assert "jane" not in shown
    assert "s3cr3t" not in shown


LINES_THAT_ARE_TAKEN = {
    "web_log": "192.0.2.1 - jane.doe@example.org [17/May/2015:10:05:03 +0000]"
    ' "GET /x?password=s3cr3t-c4n4ry HTTP/1.1" 200 512 "-" "s3cr3t-c4n4ry"',
    "sensor": '{"time": "2026-03-02T10:00:00Z", "device": "jane.doe@example.org", "type": "t",'
    ' "value": 1, "location": "s3cr3t-c4n4ry", "unit": "?password="}',
    "change_data": '{"timestamp": "2026-03-02T10:00:00Z", "table": "t", "operation": "INSERT",'
    ' "key": {"email": "jane.doe@example.org"}, "after": {"password": "s3cr3t-c4n4ry"}}',
    "app_event": '{"type": "view", "ts": 1, "user": "jane.doe@example.org",'
    ' "url": "/x?password=s3cr3t-c4n4ry", "theme": "s3cr3t-c4n4ry"}',
}


@pytest.mark.parametrize("code", [None, "ValidationException"], ids=["stored", "refused"])
@pytest.mark.parametrize("source", sorted(SOURCES))
def test_neither_log_nor_metric_nor_receipt_tells_what_an_event_holds(
    source: str,
    code: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = FakeStream(fail_record=lambda _: code)
    monkeypatch.setattr(send_command, "open_stream", lambda *_: (stream, "events"))
    path, metrics = tmp_path / "input", tmp_path / "metrics"
    receipts, dead = tmp_path / "receipts", tmp_path / "dead.jsonl"
    path.write_text(f"{LINES_THAT_ARE_TAKEN[source]}\ns3cr3t-c4n4ry\n")
    with caplog.at_level("DEBUG"):
        status = cli.main(
            ["send", "--source", source, "--file", str(path), "--metrics", str(metrics),
             "--receipts", str(receipts), "--dead-letters", str(dead)]
        )  # fmt: skip

    assert status == (0 if code is None else 1)
    letters = [json.loads(letter) for letter in dead.read_text().splitlines()]
    assert all("s3cr3t" in letter.pop("raw") for letter in letters)
    assert len(letters) == (1 if code is None else 2)
    said = [*capsys.readouterr(), caplog.text, metrics.read_text(), receipts.read_text()]
    assert '"ProducerEventsAccepted": 1' in said[3]
    for text in (*said, json.dumps(letters)):
        for word in ("s3cr3t", "c4n4ry", "jane", "password"):
            assert word not in text
