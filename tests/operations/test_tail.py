from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidelake.client.consumer import Lag
from tidelake.client.transport import ReceivedRecord
from tidelake.contract.events import Event
from tidelake.operations.tail import Wanted, lag_text, line_of

EVENT: Event = {
    "event_id": "1",
    "source": "web_log",
    "event_type": "GET",
    "status": 200,
    "client_address": "192.0.2.1",
    "is_snapshot": True,
}


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Wanted(), True),
        (Wanted("web_log"), True),
        (Wanted("sensor"), False),
        (Wanted(conditions=[("status", "200")]), True),
        (Wanted(conditions=[("status", "404")]), False),
        (Wanted(conditions=[("is_snapshot", "true")]), True),
        (Wanted(conditions=[("client_address", "192.0.2.1"), ("status", "200")]), True),
        (Wanted(conditions=[("client_address", "192.0.2.1"), ("status", "201")]), False),
        (Wanted(conditions=[("referrer", "x")]), False),
    ],
)
def test_events_are_shown_by_source_and_by_the_values_of_fields(
    wanted: Wanted, matches: bool
) -> None:
    assert wanted.matches(EVENT) is matches


def test_a_line_says_when_it_arrived_how_old_it_is_and_what_it_holds() -> None:
    arrived = datetime(2026, 1, 31, 8, 15, 2, tzinfo=UTC)
    record = ReceivedRecord(b"", "k", "1", "shardId-0", arrived)
    line = line_of(record, EVENT, now=datetime(2026, 1, 31, 8, 15, 3, 500_000, tzinfo=UTC))
    assert line == (
        "08:15:02   +1.5s web_log     GET          "
        "status=200 client_address=192.0.2.1 is_snapshot=true"
    )


def test_control_characters_of_an_event_do_not_reach_the_terminal() -> None:
    record = ReceivedRecord(b"", "k", "1", "shardId-0", datetime(2026, 1, 31, tzinfo=UTC))
    line = line_of(record, {"source": "web_log", "target": "/\x1b[2J\n\x07"})
    assert "\x1b" not in line
    assert "\n" not in line


def test_lag_is_told_in_seconds_and_shards() -> None:
    assert lag_text(Lag(1_500, 2)) == "1.5 s behind on 2 shards"
    assert lag_text(Lag(0, 1)) == "0.0 s behind on 1 shard"
