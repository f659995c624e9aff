"""The ledger: what went in is what came out and what was set aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidelake.client.send import InputCounts
from tidelake.lake.ledger import CuratedCounts
from tidelake.lake.results import Results
from tidelake.local.summary import (
    RawCounts,
    StageSeconds,
    StepOutcome,
    StreamCounts,
    Summary,
)


def a_summary(
    *,
    rejected: int = 1,
    stream_records: int = 3,
    stream_events: int = 3,
    raw_events: int = 3,
    conversion_failed: int = 0,
    curated_events: int = 3,
    duplicates: int = 0,
    ok: int = 3,
    path: str = "/",
) -> Summary:
    """A run of four lines in which nothing was lost, but for what a test changes."""
    return Summary(
        input=InputCounts(lines=4, accepted=3, rejected=rejected),
        stream=StreamCounts(records=stream_records, events=stream_events),
        raw=RawCounts(objects=1, events=raw_events, conversion_failed=conversion_failed),
        steps=[StepOutcome(id="s-1", name="curate-1", state="COMPLETED", seconds=9.5)],
        curated=CuratedCounts(events=curated_events, duplicates=duplicates, quarantined=0),
        results=Results(
            events_by_source={"web_log": 3},
            events_by_type={"web_log": {"request": 3}},
            events_by_status={"200": ok},
            events_by_hour={"2015-05-17T10": 2, "2015-05-17T11": 1},
            hours_by_source={"web_log": {"2015-05-17T10": 2, "2015-05-17T11": 1}},
            response_bytes=12,
            top_paths=[(path, 3)],
            sessions={},
            devices=[],
            purchases={},
            current_rows={},
        ),
        seconds=StageSeconds(deploy=1.0, send=0.1, deliver=5.0, process=9.0, total=16.0),
    )


def test_a_run_that_lost_nothing_balances() -> None:
    assert a_summary().imbalances() == []


def test_records_that_repeat_are_no_imbalance() -> None:
    assert a_summary(stream_records=4, raw_events=5, duplicates=2).imbalances() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rejected": 0}, ["4 lines in the input, but 3 accepted, rejected or skipped"]),
        (
            {"stream_events": 2, "stream_records": 2},
            [
                "3 distinct events, but 2 on the data stream",
                "2 events on the data stream, but 3 at the end",
            ],
        ),
        (
            {"raw_events": 2},
            [
                "2 raw events, but 3 curated, duplicate or quarantined",
                "3 records on the data stream, but 2 in the raw zone or among its conversion "
                "failures",
            ],
        ),
        (
            {"curated_events": 2, "duplicates": 1},
            [
                "3 events on the data stream, but 2 at the end",
                "2 curated events, but 3 counted by hour",
            ],
        ),
        ({"ok": 2}, ["3 web requests, but 2 counted by status"]),
    ],
)
def test_a_lost_event_is_named_with_its_hop(changes: dict[str, int], said: list[str]) -> None:
    assert a_summary(**changes).imbalances() == said  # type: ignore[arg-type]  # ints all


def test_the_file_has_the_promised_shape(tmp_path: Path) -> None:
    a_summary().write(tmp_path / "summary.json")

    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "input": {"lines": 4, "accepted": 3, "rejected": 1, "skipped": 0},
        "stream": {"records": 3, "events": 3},
        "raw": {"objects": 1, "events": 3, "conversion_failed": 0},
        "steps": [{"id": "s-1", "name": "curate-1", "state": "COMPLETED", "seconds": 9.5}],
        "curated": {"events": 3, "duplicates": 0, "quarantined": 0, "unreadable": 0},
        "results": {
            "events_by_source": {"web_log": 3},
            "events_by_type": {"web_log": {"request": 3}},
            "hours_by_source": {"web_log": {"2015-05-17T10": 2, "2015-05-17T11": 1}},
            "sessions": {},
            "devices": [],
            "purchases": {},
            "current_rows": {},
            "events_by_status": {"200": 3},
            "events_by_hour": {"2015-05-17T10": 2, "2015-05-17T11": 1},
            "response_bytes": 12,
            "top_paths": [["/", 3]],
        },
        "seconds": {"deploy": 1.0, "send": 0.1, "deliver": 5.0, "process": 9.0, "total": 16.0},
        "truth": None,
        "differences": [],
    }
