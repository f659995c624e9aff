"""What is made of the events stays true as batches come, in whatever order."""

from __future__ import annotations

from datetime import date

import pytest

from spark_jobs.aggregate import aggregate
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import change_row, reading_row, request_row, view_row

pytestmark = pytest.mark.slow

TIMES = ("date_format(started_at, 'dd HH:mm')", "date_format(ended_at, 'dd HH:mm')", "events")


def visit(event_id: str, at: str, client: str = "c") -> dict[str, object]:
    return request_row(event_id, event_time=f"2015-05-{at}", client_address=client)


def test_a_session_over_midnight_is_one_in_whatever_order_its_events_come(
    lake: LocalLake,
) -> None:
    lake.curate(lake.put_object("a.parquet", [visit("e1", "17T23:50:00")]))
    lake.curate(lake.put_object("b.parquet", [visit("e3", "18T00:30:00")]))
    assert lake.rows("sessions", *TIMES) == [
        ("17 23:50", "17 23:50", 1),
        ("18 00:30", "18 00:30", 1),
    ]
    lake.curate(lake.put_object("c.parquet", [visit("e2", "18T00:10:00")]))
    assert lake.rows("sessions", *TIMES) == [("17 23:50", "18 00:30", 3)]


def test_an_event_in_the_middle_joins_sessions_of_many_days(lake: LocalLake) -> None:
    chain = [
        visit(f"e{day}-{half}", f"{day}T{half // 2:02}:{half % 2 * 30:02}:00")
        for day in (17, 18, 19)
        for half in range(48)
        if (day, half) != (18, 20)
    ]
    lake.curate(lake.put_object("a.parquet", chain))
    lake.curate(lake.put_object("b.parquet", [visit("other", "19T12:00:00", "d")]))
    assert lake.rows("sessions", "visitor", *TIMES) == [
        ("c", "17 00:00", "18 09:30", 68),
        ("c", "18 10:30", "19 23:30", 75),
        ("d", "19 12:00", "19 12:00", 1),
    ]
    lake.curate(lake.put_object("c.parquet", [visit("gap", "18T10:00:00")]))
    assert lake.rows("sessions", "visitor", *TIMES) == [
        ("c", "17 00:00", "19 23:30", 144),
        ("d", "19 12:00", "19 12:00", 1),
    ]


def test_each_source_fills_its_own_tables(lake: LocalLake) -> None:
    suspect = reading_row("r2", quality="suspect", value=999.0)
    rows = [request_row("e1"), reading_row("r1"), suspect, change_row("c1", row_key=1, position=1)]
    lake.curate(lake.put_object("a.parquet", [*rows, view_row("v1")]))
    hourly = ("source", "event_type", "status", "events")
    assert lake.rows("events_hourly", *hourly) == [
        ("app_event", "page_view", None, 1),
        ("change_data", "row_change", "UPDATE", 1),
        ("sensor", "reading", "good", 1),
        ("sensor", "reading", "suspect", 1),
        ("web_log", "request", "200", 1),
    ]
    assert lake.rows("devices_daily", "device_id", "readings", "suspect", "mean") == [
        ("d1", 2, 1, 20.0)
    ]
    assert lake.rows("sessions", "source", "visitor") == [
        ("app_event", "u1"),
        ("web_log", "203.0.113.9"),
    ]
    assert lake.rows("paths_daily", "source", "path") == [
        ("app_event", "/home"),
        ("web_log", "/index.html"),
    ]


def test_an_older_change_that_comes_late_does_not_undo_a_newer_one(lake: LocalLake) -> None:
    newer = [
        change_row("c3", row_key=1, position=3),
        change_row("c5", row_key=2, position=5, operation="DELETE"),
    ]
    lake.curate(lake.put_object("a.parquet", newer))
    older = [
        change_row("c2", row_key=1, position=2, event_time="2015-05-19T00:00:00"),
        change_row("c4", row_key=2, position=4, event_time="2015-05-19T00:00:00"),
    ]
    lake.curate(lake.put_object("b.parquet", older))
    assert lake.rows("current_rows", "row_key", "row_data", "is_deleted") == [
        ('{"id":1}', '{"n":3}', False),
        ('{"id":2}', None, True),
    ]


def test_aggregates_of_a_period_made_anew_are_those_that_curate_made(lake: LocalLake) -> None:
    rows = [
        *(visit(f"e{n}", f"17T{n % 24:02}:10:00", f"c{n % 5}") for n in range(40)),
        *(change_row(f"c{n}", row_key=n % 3, position=n) for n in range(6)),
        *(reading_row("r1"), reading_row("r2", quality="suspect"), view_row("v1")),
    ]
    lake.curate(lake.put_object("a.parquet", rows))
    made = ("events_hourly", "paths_daily", "sessions", "devices_daily", "current_rows")
    by_curate = {table: lake.rows(table, "*") for table in made}
    assert all(by_curate.values())
    for table in made:
        lake.spark.sql(f"DROP TABLE {lake.tables.name(table)} PURGE")

    aggregate(lake.spark, lake.database, date(2015, 5, 17), date(2015, 5, 18))

    assert {table: lake.rows(table, "*") for table in made} == by_curate
