from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from tidelake.contract.events import ParsedLine, RejectedLine
from tidelake.sources.events import read_events
from tidelake.sources.synthetic.web_log import access_log_lines, write_access_log


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic") / "access.log"
    write_access_log(path)
    return path


def test_the_default_log_is_the_same_on_every_machine(log: Path) -> None:
    assert hashlib.sha256(log.read_bytes()).hexdigest() == (
        "fb87de64e632a2c951c14fbe6f187c39c60ed974213e7033afaeb74b5cb0f35b"
    )


def test_another_seed_gives_another_log() -> None:
    assert list(access_log_lines(10, seed=1)) == list(access_log_lines(10, seed=1))
    assert list(access_log_lines(10, seed=1)) != list(access_log_lines(10, seed=2))


def test_the_default_log_holds_what_a_pipeline_has_to_cope_with(log: Path) -> None:
    lines = list(read_events(log, "web_log"))
    events = [line.event for line in lines if isinstance(line, ParsedLine)]
    rejected = [line.reason for line in lines if isinstance(line, RejectedLine)]
    assert len(lines) == 10_000
    assert len(rejected) == 22
    assert len(set(rejected)) == 4
    assert max(Counter(log.read_bytes().splitlines()).values()) > 1
    assert len({event["event_id"] for event in events}) == 9_978
    assert len({str(event["event_time"])[:10] for event in events}) == 3
    assert len({str(event["event_time"])[:13] for event in events}) == 72
    assert len({event["status"] for event in events}) == 7
    assert any(":" in str(event["client_address"]) for event in events)
    assert any("remote_user" in event for event in events)
    assert any("method" not in event for event in events)
    assert any('"' in str(event.get("user_agent")) for event in events)
    assert any(event.get("target") == "/café" for event in events)


def test_the_asked_number_of_lines_is_written(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    write_access_log(path, lines=7, seed=3)
    assert path.read_bytes().count(b"\n") == 7
