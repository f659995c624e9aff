from __future__ import annotations

import time

from tidelake.contract.events import line_event_id

LINE = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512'


def test_an_event_id_is_the_same_for_ever() -> None:
    # BLAKE2b of 16 bytes over each part after its length in 8 bytes, as b2sum computes it.
    assert line_event_id("web_log", LINE, 0, LINE) == "84e3392232f102ef7831eff23d1083de"


def test_source_file_place_and_line_each_make_another_id() -> None:
    ids = {
        line_event_id("web_log", b"first", 7, b"line"),
        line_event_id("sensor", b"first", 7, b"line"),
        line_event_id("web_log", b"other", 7, b"line"),
        line_event_id("web_log", b"first", 8, b"line"),
        line_event_id("web_log", b"first", 7, b"lines"),
    }
    assert len(ids) == 5


def test_the_border_between_two_parts_counts() -> None:
    assert line_event_id("web_log", b"ab", 1, b"c") != line_event_id("web_log", b"a", 1, b"bc")
    assert line_event_id("web_log", b"a", 11, b"b") != line_event_id("web_log", b"a1", 1, b"b")


def test_a_long_first_line_is_digested_once() -> None:
    first_line = b"x" * 1_000_000
    started = time.process_time()
    for offset in range(3_000):
        line_event_id("web_log", first_line, offset, b"line")
    # Digesting it every time would take several seconds.
    assert time.process_time() - started < 0.5
