"""`tidelake send`, down to a strict fake of the stream."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.client.fake_stream import FakeStream
from tidelake import cli
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.send import SendReport
from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.operations import send as send_command
from tidelake.operations.send import SendOptions, send_inputs
from tidelake.sources.options import SourceOptions
from tidelake.sources.positions import FileMark, PositionFile

LINE = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /{} HTTP/1.1" 200 512\n'
READING = "2026-03-02 10:00:00,7.5\n"


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> FakeStream:
    fake = FakeStream()
    monkeypatch.setattr(send_command, "open_stream", lambda *_: (fake, "events"))
    return fake


def targets(stream: FakeStream) -> list[str]:
    return sorted(json.loads(record)["target"] for record in stream.stored())


def send(
    folder: Path, *inputs: str, source: str = "web_log", out: StringIO | None = None,
    source_options: SourceOptions | None = None, follow: bool = False,
) -> SendReport:  # fmt: skip
    options = SendOptions(
        source=source,
        inputs=inputs,
        source_options=SourceOptions() if source_options is None else source_options,
        dead_letter_file=folder / "dead.jsonl",
        environment="local",
        stream=None,
        follow=follow,
        positions=folder / "positions.json",
    )
    console = Console(file=StringIO() if out is None else out, width=200)
    return send_inputs(options, console)


def test_files_and_patterns_are_sent_each_file_once(stream: FakeStream, tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.txt"):
        (tmp_path / name).write_text(LINE.format(name))
    report = send(tmp_path, str(tmp_path / "*.log"), str(tmp_path / "a.log"))
    assert targets(stream) == ["/a.log", "/b.log"]
    assert (report.lines, report.delivered) == (2, 2)


def test_a_file_whose_name_looks_like_a_pattern_is_sent(stream: FakeStream, tmp_path: Path) -> None:
    (tmp_path / "a[1].log").write_text(LINE.format(1))
    send(tmp_path, str(tmp_path / "a[1].log"))
    assert targets(stream) == ["/1"]


def test_a_pattern_that_matches_nothing_is_refused(stream: FakeStream, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"matches nothing; allowed: a pattern of files"):
        send(tmp_path, str(tmp_path / "*.log"))
    assert stream.stored() == []


def test_every_line_is_counted_as_what_became_of_it(stream: FakeStream, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("timestamp,value\n" + READING + "soon,1\n")
    out = StringIO()
    report = send(
        tmp_path,
        str(tmp_path / "r.csv"),
        source="sensor",
        source_options=SourceOptions(settings={"device_id": "m1", "sensor_type": "t"}),
        out=out,
    )
    assert (report.lines, report.accepted, report.rejected, report.skipped) == (3, 1, 1, 1)
    assert report.skips == {"header": 1}
    assert (
        "3 lines: 1 events delivered, 1 lines rejected, 0 events undelivered, 1 lines skipped"
        in out.getvalue()
    )
    assert "skipped: 1 header" in out.getvalue()
    assert len(stream.stored()) == 1


def test_the_standard_input_is_sent_with_the_ids_of_a_file_that_holds_the_same(
    stream: FakeStream, tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_text(LINE.format(1) + LINE.format(2))
    send(tmp_path, str(path))
    before = os.dup(0)
    try:
        with path.open() as file:
            os.dup2(file.fileno(), 0)
            send(tmp_path, "-")
    finally:
        os.dup2(before, 0)
        os.close(before)
    ids = [json.loads(record)["event_id"] for record in stream.stored()]
    assert (len(ids), len(set(ids))) == (4, 2)


def test_the_standard_input_stands_alone_and_is_not_followed(tmp_path: Path) -> None:
    for inputs, follow in ((("-", "a.log"), False), (("-",), True)):
        with pytest.raises(ConfigurationError, match=r"allowed: - alone, without --follow"):
            send(tmp_path, *inputs, follow=follow)


def test_following_ends_on_sigterm_with_everything_delivered_and_its_position_saved(
    stream: FakeStream, tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_text(LINE.format(1) + LINE.format(2))

    def write_and_stop() -> None:
        time.sleep(0.5)
        with path.open("a") as file:
            file.write(LINE.format(3) + "wrong\n")
        time.sleep(0.8)
        os.kill(os.getpid(), signal.SIGTERM)

    writer = threading.Thread(target=write_and_stop)
    writer.start()
    report = send(tmp_path, str(path), follow=True)
    writer.join()

    assert targets(stream) == ["/1", "/2", "/3"]
    assert (report.lines, report.delivered, report.rejected) == (4, 3, 1)
    saved = json.loads((tmp_path / "positions.json").read_text())["files"]
    assert [(mark["offset"], mark["lines"]) for mark in saved] == [(path.stat().st_size, 4)]


@pytest.mark.usefixtures("stream")
def test_what_was_set_aside_is_on_the_disk_before_the_position_passes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, save = DeadLetterFile.sync, PositionFile.save

    def note_sync(self: DeadLetterFile) -> None:
        order.append("sync")
        sync(self)

    def note_save(self: PositionFile, marks: Iterable[FileMark]) -> None:
        marks = list(marks)
        order.extend("pass" for mark in marks if mark.lines)
        save(self, marks)

    monkeypatch.setattr(DeadLetterFile, "sync", note_sync)
    monkeypatch.setattr(PositionFile, "save", note_save)
    path = tmp_path / "a.log"
    path.write_text("wrong\n")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    send(tmp_path, str(path), follow=True)
    assert order[:2] == ["sync", "pass"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "a"], "--set = 'a' is not allowed; allowed: NAME=VALUE, each name once"),
        (["--set", "a=1"], "--set = 'a' is not allowed; allowed: nothing for the source web_log"),
        (["--key-fields", "a"],
         "--key-fields = 'given' is not allowed; allowed: with the source change_data alone"),
        (["--critical-fields", "a"],
         "--critical-fields = 'given' is not allowed; allowed: with the source change_data alone"),
        (["--valid-range", "1:2"],
         "--valid-range = 'given' is not allowed; allowed: with the source sensor alone"),
        (["--source", "sensor", "--valid-range", "9:1"],
         "--valid-range = '9:1' is not allowed; allowed: LOW:HIGH, such as -40:60"),
        (["--source", "change_data", "--key-fields", "a,"],
         "--key-fields = 'a,' is not allowed; allowed: NAME[,NAME...]"),
        (["--critical-fields", ""],
         "--critical-fields = '' is not allowed; allowed: NAME[,NAME...]"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["send", "--file", str(tmp_path / "a.log"), *arguments]) == 2
    assert capsys.readouterr().err == f"tidelake: {said}\n"
