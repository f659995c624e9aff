from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import RejectedLine


def test_a_rejected_line_becomes_one_object_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    with DeadLetterFile(path) as file:
        file.put_rejected(RejectedLine("web_log", 3, "status: must be a number", b'a "b"\xc3\xa9'))
    assert path.read_bytes().count(b"\n") == 1
    assert json.loads(path.read_text()) == {
        "source": "web_log",
        "line": 3,
        "reason": "status: must be a number",
        "holds": "line",
        "raw": 'a "b"é',
    }


def test_bytes_that_are_no_utf8_are_kept_in_base64(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    with DeadLetterFile(path) as file:
        file.put(source="web_log", line=1, reason="line: must be UTF-8", raw=b"\xff\x00\n")
    assert json.loads(path.read_text()) == {
        "source": "web_log",
        "line": 1,
        "reason": "line: must be UTF-8",
        "holds": "line",
        "raw_base64": "/wAK",
    }


def test_an_event_of_no_line_has_line_null(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    with DeadLetterFile(path) as file:
        file.put(source="web_log", line=None, reason="r", raw=b"{}")
    assert json.loads(path.read_text())["line"] is None


def test_without_dead_letters_the_file_is_there_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "dead_letters.jsonl"
    DeadLetterFile(path).close()
    assert path.read_bytes() == b""


def test_a_second_run_appends_unless_told_to_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    for append, lines in ((True, 1), (True, 2), (False, 1)):
        with DeadLetterFile(path, append=append) as file:
            file.put(source="s", line=1, reason="r", raw=b"x")
            assert file.count == 1
        assert len(path.read_bytes().splitlines()) == lines


def test_half_a_line_of_a_dead_process_stays_apart(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    path.write_bytes(b'{"source": "web')
    with DeadLetterFile(path) as file:
        file.put(source="s", line=1, reason="r", raw=b"x")
    first, second = path.read_text().splitlines()
    assert first == '{"source": "web'
    assert json.loads(second)["raw"] == "x"


def test_a_dead_letter_can_be_read_before_close(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    with DeadLetterFile(path) as file:
        file.put(source="s", line=1, reason="r", raw=b"x")
        assert json.loads(path.read_text())["raw"] == "x"


def test_close_brings_the_file_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = DeadLetterFile(tmp_path / "dead_letters.jsonl")
    file.close()
    file.close()
    assert len(synced) == 1


def test_others_cannot_read_what_may_hold_secrets(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.jsonl"
    DeadLetterFile(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DeadLetterFile(tmp_path)
    assert str(caught.value) == (
        f"dead letters = {str(tmp_path)!r} is not allowed; "
        "allowed: a file that can be written (Is a directory)"
    )


def test_what_keeps_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"/dev/null.*a regular file"):
        DeadLetterFile(Path("/dev/null"))
