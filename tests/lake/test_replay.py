"""Replay puts each set-aside record back once, and every record found is counted once."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.lake.a_lake import ALake, uri_of
from tidelake.contract.errors import ConfigurationError, DeliveryError
from tidelake.contract.events import Event
from tidelake.lake.lake_check import check_lake
from tidelake.lake.observed import Period
from tidelake.lake.replay import Repair, ReplayReport, load_repair, replay
from tidelake.lake.set_aside import Markers, SetAside, failed_records, quarantined_rows

ARRIVED = datetime(2026, 11, 22, 10, tzinfo=UTC)
ERRORS = "streaming-errors/format-conversion-failed/failed-1"


def event(event_id: str, status: object = 200) -> Event:
    return {
        "event_id": event_id,
        "event_time": "2026-11-22T09:00:00Z",
        "ingest_time": "2026-11-22T09:00:01Z",
        "source": "web_log",
        "event_type": "request",
        "schema_version": 1,
        "client_address": "192.0.2.1",
        "status": status,
        "response_bytes": 1,
    }


def put_failed(lake: ALake, *records: bytes, key: str = ERRORS) -> None:
    """An object as Firehose writes it."""
    lines = [
        json.dumps(
            {
                "lastErrorCode": "DataFormatConversion.MalformedData",
                "arrivalTimestamp": int(ARRIVED.timestamp() * 1000),
                "rawData": base64.b64encode(record).decode(),
            }
        )
        for record in records
    ]
    lake.files.write(key, "\n".join(lines).encode() + b"\n")


class Stream:
    """Takes events, or refuses all."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_open = True

    def __call__(self, events: Iterable[Event]) -> None:
        if not self.is_open:
            raise DeliveryError("closed")
        self.events += events

    @property
    def ids(self) -> list[object]:
        return [found["event_id"] for found in self.events]


@pytest.fixture
def stream() -> Stream:
    return Stream()


def run(
    lake: ALake,
    stream: Stream,
    records: Iterable[SetAside] | None = None,
    *,
    repair: Repair | None = None,
    dry_run: bool = False,
) -> ReplayReport:
    found = failed_records(lake.files) if records is None else records
    return replay(found, Markers(lake.files), stream, repair=repair, dry_run=dry_run)


def to_number(raw: bytes) -> Event:
    found: Event = json.loads(raw)
    return found | {"status": int(str(found["status"]))}


def test_a_record_that_is_a_valid_event_goes_back_as_it_was(lake: ALake, stream: Stream) -> None:
    put_failed(lake, json.dumps(event("a")).encode())

    report = run(lake, stream)

    assert (report.found, report.replayed, report.left.total()) == (1, 1, 0)
    assert stream.events == [event("a")]


def test_a_line_that_is_none_of_firehose_is_counted_and_keeps_no_other_back(
    lake: ALake, stream: Stream
) -> None:
    put_failed(lake, json.dumps(event("a")).encode())
    deep = b"[" * 100_000
    for number, line in enumerate((b"{", b"[]", b"\xff", deep, b'{"arrivalTimestamp": null}')):
        lake.files.write(f"{ERRORS}-by-hand-{number}", line + b"\n")
    report = run(lake, stream)
    assert stream.ids == ["a"]
    assert (report.found, report.replayed) == (6, 1)
    assert report.left == {"record: is not in its object": 5}


def test_a_second_replay_sends_nothing(lake: ALake, stream: Stream) -> None:
    put_failed(lake, json.dumps(event("a")).encode())
    run(lake, stream)

    report = run(lake, stream)

    assert (report.found, report.replayed, report.already) == (1, 0, 1)
    assert stream.ids == ["a"]


def test_a_repair_makes_valid_what_was_not_and_the_rest_stays(lake: ALake, stream: Stream) -> None:
    bad = json.dumps(event("b", "200")).encode()
    put_failed(lake, json.dumps(event("a")).encode(), bad, b"no json")

    plain = run(lake, stream)
    repaired = run(lake, stream, repair=to_number)

    assert (plain.found, plain.replayed) == (3, 1)
    assert plain.left == {"status: must be of type integer": 1, "record: must be JSON": 1}
    assert (repaired.found, repaired.replayed, repaired.already) == (3, 1, 1)
    assert repaired.left == {"repair: raised JSONDecodeError": 1}
    assert stream.events == [event("a"), event("b")]


def test_a_repair_may_leave_a_record_and_may_not_rename_its_event(
    lake: ALake, stream: Stream
) -> None:
    put_failed(lake, json.dumps(event("a")).encode())

    left = run(lake, stream, repair=lambda _: None)
    renamed = run(lake, stream, repair=lambda _: event("z"))

    assert left.left == {"repair: left it": 1}
    assert renamed.left == {"repair: must keep the event_id": 1}
    assert stream.events == []


def test_a_dry_run_sends_and_remembers_nothing(lake: ALake, stream: Stream) -> None:
    put_failed(lake, json.dumps(event("a")).encode())

    first = run(lake, stream, dry_run=True)
    second = run(lake, stream, dry_run=True)

    assert (first.replayed, second.replayed) == (1, 1)
    assert stream.events == []


def test_what_the_stream_did_not_take_is_replayed_the_next_time(
    lake: ALake, stream: Stream
) -> None:
    put_failed(lake, json.dumps(event("a")).encode())
    stream.is_open = False
    with pytest.raises(DeliveryError):
        run(lake, stream)
    stream.is_open = True

    assert run(lake, stream).replayed == 1
    assert stream.ids == ["a"]


def test_quarantined_rows_go_back_repaired_once(lake: ALake, stream: Stream) -> None:
    uri = uri_of("a", 10)
    lake.put_quarantined(uri, 7, event("a", 999))

    def clamp(raw: bytes) -> Event:
        found: Event = json.loads(raw)
        return found | {"status": 599}

    first = run(lake, stream, quarantined_rows(lake.tables), repair=clamp)
    second = run(lake, stream, quarantined_rows(lake.tables), repair=clamp)

    assert (first.replayed, second.already) == (1, 1)
    assert stream.events == [event("a", 599)]


def test_only_what_was_set_aside_since_is_looked_at(lake: ALake) -> None:
    put_failed(lake, b"1")
    lake.put_quarantined(uri_of("a", 10), 7, event("a", 999))
    later = datetime(2026, 11, 23, tzinfo=UTC)

    assert list(failed_records(lake.files, later)) == []
    assert list(quarantined_rows(lake.tables, later)) == []
    assert len(list(failed_records(lake.files, ARRIVED))) == 1


def test_check_knows_what_is_not_replayed(lake: ALake, stream: Stream, tmp_path: Path) -> None:
    put_failed(lake, json.dumps(event("a", "x")).encode(), json.dumps(event("b")).encode())
    receipts = tmp_path / "receipts"
    receipts.write_text("a\nb\n")

    before = check_lake(lake.files, lake.tables, Period(), receipts)
    run(lake, stream)
    after = check_lake(lake.files, lake.tables, Period(), receipts)

    assert before.receipts is not None
    assert (before.receipts.failed, before.receipts.missing) == (2, 0)
    assert before.unreplayed_failures == 2
    # `b` is on its way: neither set aside any more nor in the raw zone yet.
    assert after.receipts is not None
    assert (after.receipts.failed, after.receipts.examples) == (1, ("b",))
    assert after.unreplayed_failures == 1


def test_a_repair_is_found_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mending.py").write_text("def mend(raw):\n    return {'raw': raw}\n")
    monkeypatch.chdir(tmp_path)

    assert load_repair("mending:mend")(b"x") == {"raw": b"x"}


@pytest.mark.parametrize("name", ["mend", "json:no_such", "no_such_module:mend", "json:__name__"])
def test_a_repair_that_is_no_function_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="--repair"):
        load_repair(name)
