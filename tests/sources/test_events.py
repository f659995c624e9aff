from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.contract.events import ParsedLine, RejectedLine
from tidelake.sources.events import EventBuilder, read_events
from tidelake.sources.options import SourceOptions

GOOD = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512'
REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "weblogs" / "access_10k.log"

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: bytes) -> Path:
        path = tmp_path / "access.log"
        path.write_bytes(content)
        return path

    return write_file


def read(path: Path) -> tuple[list[ParsedLine], list[RejectedLine]]:
    lines = list(read_events(path, "web_log", clock=lambda: 1_767_323_045.9))
    parsed = [line for line in lines if isinstance(line, ParsedLine)]
    rejected = [line for line in lines if isinstance(line, RejectedLine)]
    return parsed, rejected


def test_a_line_becomes_one_whole_event(write: Write) -> None:
    parsed, rejected = read(write(GOOD + b"\n"))
    assert rejected == []
    assert parsed == [
        ParsedLine(
            1,
            {
                "event_id": "84e3392232f102ef7831eff23d1083de",
                "event_time": "2015-05-17T10:05:03Z",
                "ingest_time": "2026-01-02T03:04:05Z",
                "source": "web_log",
                "event_type": "request",
                "schema_version": 1,
                "client_address": "192.0.2.1",
                "method": "GET",
                "target": "/",
                "protocol": "HTTP/1.1",
                "status": 200,
                "response_bytes": 512,
            },
            GOOD,
        )
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line: must not be empty"),
        (b" \t ", "line: must not be empty"),
        (b"\xff\xfe", "line: must be UTF-8"),
        (GOOD.replace(b"/ ", b"/\xff "), "line: must be UTF-8"),
        (GOOD + b"\0", "line: must have no control characters"),
        (
            b"x" * 1_048_577,
            "line: must have at most 1048576 bytes; only these are kept here",
        ),
        (
            GOOD.replace(b" 512", b" " + b"9" * 19),
            "response_bytes: must be at most 1125899906842624",
        ),
        (
            GOOD.replace(b"/ ", b"/" + b"x" * 65_536 + b" "),
            "target: must have at most 65536 characters",
        ),
    ],
)  # fmt: skip
def test_a_wrong_line_is_rejected_and_the_next_one_taken(
    write: Write, content: bytes, reason: str
) -> None:
    parsed, rejected = read(write(GOOD + b"\n" + content + b"\n" + GOOD + b"\n"))
    assert [line.line for line in parsed] == [1, 3]
    assert rejected == [RejectedLine("web_log", 2, reason, content[:1_048_576])]


def test_identical_lines_are_separate_events_with_the_same_ids_at_every_reading(
    write: Write,
) -> None:
    path = write((GOOD + b"\n") * 3)
    first = [line.event["event_id"] for line in read(path)[0]]
    assert len(set(first)) == 3
    assert [line.event["event_id"] for line in read(path)[0]] == first


def test_ids_survive_a_rename_compression_and_growth(write: Write, tmp_path: Path) -> None:
    content = GOOD + b"\n" + GOOD + b"\n"
    ids = [line.event["event_id"] for line in read(write(content))[0]]
    renamed = tmp_path / "access.log.1.gz"
    renamed.write_bytes(gzip.compress(content + GOOD))
    assert [line.event["event_id"] for line in read(renamed)[0]][:2] == ids


def test_files_with_different_first_lines_have_different_ids(write: Write) -> None:
    one = read(write(b"# one\n" + GOOD))[0]
    two = read(write(b"# two\n" + GOOD))[0]
    assert one[0].event["event_id"] != two[0].event["event_id"]


def test_an_origin_tells_apart_inputs_that_begin_with_the_same_line(write: Write) -> None:
    path = write(GOOD)
    ids = [
        line.event["event_id"]
        for origin in ("", "host-1", "host-2")
        for line in read_events(path, "web_log", SourceOptions(origin=origin))
        if isinstance(line, ParsedLine)
    ]
    assert len(set(ids)) == 3


def test_a_byte_order_mark_does_not_spoil_the_first_line(write: Write) -> None:
    parsed, rejected = read(write(b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD + b"\r\n"))
    assert ([line.line for line in parsed], rejected) == ([1, 2], [])


def test_a_binary_file_is_rejected_line_by_line(write: Write) -> None:
    content = bytes(range(256)) * 40
    parsed, rejected = read(write(content))
    assert parsed == []
    assert b"\n".join(line.raw for line in rejected) == content.replace(b"\r\n", b"\n")


@given(st.binary(min_size=1, max_size=2_000))
def test_any_bytes_give_one_outcome_a_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "input"
    path.write_bytes(b"x" + content)
    parsed, rejected = read(path)
    lines = (b"x" + content).removesuffix(b"\n").count(b"\n") + 1
    assert len(parsed) + len(rejected) == lines


def test_an_unknown_source_is_refused_with_what_there_is(write: Write) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(read_events(write(GOOD), "weblog"))
    assert str(caught.value) == (
        "source = 'weblog' is not allowed; allowed: app_event, change_data, sensor, web_log"
    )


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("--origin", SourceOptions(origin="host-\udcff")),
        ("--set", SourceOptions(settings={"unit": "\udcff"})),
    ],
)
def test_an_option_that_no_event_could_hold_is_refused(option: str, options: SourceOptions) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} = .* allowed: text in UTF-8"):
        EventBuilder("sensor", options)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        list(read_events(tmp_path / "none", "web_log"))


def test_the_ingest_time_is_now_in_utc(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    seconds = iter([0.0, 0.9, 1.0])
    lines = read_events(write((GOOD + b"\n") * 3), "web_log", clock=lambda: next(seconds))
    times = [line.event["ingest_time"] for line in lines if isinstance(line, ParsedLine)]
    assert times == ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]


@pytest.mark.skipif(not REAL_LOG.exists(), reason="the real log lies outside the project")
def test_the_real_log_gives_its_known_counts() -> None:
    parsed, rejected = read(REAL_LOG)
    events = [line.event for line in parsed]
    assert [(line.line, line.reason) for line in rejected] == [
        (8899, "user_agent: must be in double quotes")
    ]
    assert Counter(event["status"] for event in events) == {
        200: 9125, 304: 445, 404: 213, 301: 164, 206: 45, 500: 3, 403: 2, 416: 2,
    }  # fmt: skip
    assert sum(int(str(event["response_bytes"])) for event in events) == 2_747_282_505
    assert len({str(event["event_time"])[:13] for event in events}) == 84
    assert len({event["event_id"] for event in events}) == 9_999
    assert Counter(event["target"] for event in events).most_common(1) == [("/favicon.ico", 807)]
