"""`tidelake send --replay`, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidelake.client.dead_letters import DeadLetterFile
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import ParsedLine
from tidelake.operations.send import SendOptions
from tidelake.sources.options import SourceOptions


def options(
    tmp_path: Path, name: str, *, dead_letters: str = "out.jsonl", follow: bool = False
) -> SendOptions:
    return SendOptions(
        source="web_log",
        inputs=(name,),
        source_options=SourceOptions(),
        dead_letter_file=tmp_path / dead_letters,
        environment="local",
        stream=None,
        replay=True,
        follow=follow,
    )


def test_the_events_of_dead_letters_are_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    with DeadLetterFile(path) as letters:
        letters.put_event(source="web_log", line=1, reason="r", event=b'{"event_id":"1"}')
    assert list(options(tmp_path, str(path)).lines()) == [
        ParsedLine(1, {"event_id": "1"}, b'{"event_id":"1"}')
    ]


def test_what_fails_again_goes_to_another_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="allowed: another file than the one"):
        options(tmp_path, str(tmp_path / "x.jsonl"), dead_letters="x.jsonl")


def test_only_files_are_replayed(tmp_path: Path) -> None:
    for name, follow in (("-", False), ("x.jsonl", True)):
        with pytest.raises(ConfigurationError, match="allowed: files, without --follow"):
            options(tmp_path, name, follow=follow)
