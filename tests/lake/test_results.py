"""The results are those of the tables, read without Spark."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from tests.lake.a_lake import TIME, ALake, uri_of
from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.lake.ledger import read_counts
from tidelake.lake.results import CurrentRows, Device, Purchases, Sessions, read_results
from tidelake.lake.results_report import print_results
from tidelake.lake.sql import latest_rows, query

TEN = datetime(2015, 5, 17, 10, tzinfo=UTC)
ELEVEN = datetime(2015, 5, 17, 11, tzinfo=UTC)
NEXT_DAY = datetime(2015, 5, 18, 9, tzinfo=UTC)

SCHEMAS = {
    "events_hourly": pa.schema(
        {
            "hour": TIME,
            "source": pa.string(),
            "event_type": pa.string(),
            "status": pa.string(),
            "events": pa.int64(),
            "total": pa.float64(),
        }
    ),
    "paths_daily": pa.schema(
        {"day": pa.date32(), "source": pa.string(), "path": pa.string(), "events": pa.int64()}
    ),
    "sessions": pa.schema(
        {"source": pa.string(), "started_at": TIME, "ended_at": TIME, "events": pa.int64()}
    ),
    "devices_daily": pa.schema(
        {
            "day": pa.date32(),
            "device_id": pa.string(),
            "sensor_type": pa.string(),
            "unit": pa.string(),
            "readings": pa.int64(),
            "suspect": pa.int64(),
            "mean": pa.float64(),
        }
    ),
    "current_rows": pa.schema(
        {"table_name": pa.string(), "event_time": TIME, "is_deleted": pa.bool_()}
    ),
    "app_events": pa.schema(
        {
            "event_time": TIME,
            "event_type": pa.string(),
            "currency": pa.string(),
            "quantity": pa.int32(),
            "amount_minor": pa.int64(),
        }
    ),
}


def put(lake: ALake, table: str, *rows: tuple[Any, ...]) -> None:
    schema = SCHEMAS[table]
    lake.append(table, schema, [dict(zip(schema.names, row, strict=True)) for row in rows])


@pytest.fixture
def filled(lake: ALake) -> ALake:
    put(
        lake,
        "events_hourly",
        (TEN, "web_log", "request", "200", 3, 30.0),
        (TEN, "web_log", "request", "404", 1, 0.0),
        (NEXT_DAY, "web_log", "request", "200", 2, 12.0),
        (ELEVEN, "sensor", "reading", "good", 5, 100.0),
    )
    put(
        lake,
        "paths_daily",
        (date(2015, 5, 17), "web_log", "/b", 1),
        (date(2015, 5, 18), "web_log", "/b", 2),
        (date(2015, 5, 17), "web_log", "/a", 3),
        (date(2015, 5, 17), "app_event", "/app", 9),
    )
    put(lake, "sessions", ("web_log", TEN, ELEVEN, 4), ("web_log", NEXT_DAY, NEXT_DAY, 2))
    put(
        lake,
        "devices_daily",
        (date(2015, 5, 17), "m1", "temperature", "C", 4, 0, 20.0),
        (date(2015, 5, 17), "m2", "temperature", "C", 3, 1, 10.0),
        (date(2015, 5, 18), "m2", "temperature", "C", 2, 2, None),
    )
    put(lake, "current_rows", ("orders", TEN, False), ("orders", TEN, True))
    put(
        lake,
        "app_events",
        (TEN, "purchase", "EUR", 2, 1999),
        (TEN, "purchase", "EUR", None, 1),
        (TEN, "view", None, None, None),
    )
    return lake


def test_results_sum_over_days_and_order_ties_by_path(filled: ALake) -> None:
    results = read_results(filled.tables)

    assert results.events_by_source == {"sensor": 5, "web_log": 6}
    assert results.events_by_type == {"sensor": {"reading": 5}, "web_log": {"request": 6}}
    assert results.events_by_status == {"200": 5, "404": 1}
    assert results.events_by_hour == {"2015-05-17T10": 4, "2015-05-17T11": 5, "2015-05-18T09": 2}
    assert results.response_bytes == 42
    assert results.top_paths == [("/a", 3), ("/b", 3)]


def test_sessions_devices_purchases_and_rows_are_summed_up(filled: ALake) -> None:
    results = read_results(filled.tables)

    assert results.sessions == {"web_log": Sessions(sessions=2, events_each=3.0, minutes_each=30.0)}
    assert results.devices == [
        Device(device="m2", measures="temperature", unit="C", readings=5, suspect=3, mean=10.0),
        Device(device="m1", measures="temperature", unit="C", readings=4, suspect=0, mean=20.0),
    ]
    assert results.purchases == {"EUR": Purchases(purchases=2, items=2, amount_minor=2000)}
    assert results.current_rows == {"orders": CurrentRows(rows=1, deleted=1)}


def test_since_leaves_out_what_happened_before(filled: ALake) -> None:
    results = read_results(filled.tables, datetime(2015, 5, 18, tzinfo=UTC))

    assert results.events_by_source == {"web_log": 2}
    assert results.top_paths == [("/b", 2)]
    assert results.purchases == {}


def test_only_the_ten_most_requested_paths_are_named(lake: ALake) -> None:
    put(
        lake,
        "paths_daily",
        *((date(2015, 5, 17), "web_log", f"/{number}", number) for number in range(12)),
    )

    assert [path for path, _ in read_results(lake.tables).top_paths] == [
        *("/11", "/10", "/9", "/8", "/7", "/6", "/5", "/4", "/3", "/2")
    ]


def test_tables_that_no_step_has_made_yet_are_empty(lake: ALake) -> None:
    results = read_results(lake.tables)

    assert results.top_paths == []
    assert results.events_by_hour == {}
    assert read_counts(lake.tables).read == 0


def test_the_ledger_is_summed_over_its_objects(lake: ALake) -> None:
    lake.put_ledger(uri_of("a", 10), read=6, events=5, quarantined=1)
    lake.put_ledger(uri_of("b", 10), read=6, events=4, duplicates=2)
    lake.put_ledger(uri_of("c", 10), read=0, events=0, status="unreadable")

    counts = read_counts(lake.tables)

    assert (counts.events, counts.duplicates, counts.quarantined, counts.unreadable) == (9, 2, 1, 1)


def test_pictures_show_every_kind_of_result(filled: ALake) -> None:
    out = io.StringIO()
    print_results(Console(file=out, width=120), read_results(filled.tables))

    for title in ("Events by source", "Events by hour", "Requests by status", "Top paths"):
        assert title in out.getvalue()
    for title in ("Sessions", "Suspect readings", "Purchases", "Current rows"):
        assert title in out.getvalue()


def test_a_query_reads_any_table_alone_or_with_its_database(filled: ALake) -> None:
    rows = query(
        filled.tables,
        "SELECT h.hour, p.path FROM streaming_db.events_hourly h JOIN paths_daily p USING (source) "
        "WHERE status = '404' ORDER BY path LIMIT 1",
    )

    assert rows.to_pylist() == [{"hour": TEN, "path": "/a"}]


def test_a_query_sees_no_row_that_was_deleted(lake: ALake) -> None:
    lake.put_events(uri_of("a", 10), ["1", "2"])
    lake.delete("web_access", "event_id = '1'")

    assert query(lake.tables, "SELECT event_id FROM web_access").to_pylist() == [{"event_id": "2"}]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE sessions", "--sql is DROP; allowed: one SELECT"),
        ("SELECT 1; SELECT 2", "--sql is SELECT, SELECT; allowed: one SELECT"),
        ("COPY sessions TO '/tmp/x'", "--sql is COPY; allowed: one SELECT"),
        ("", "--sql is nothing; allowed: one SELECT"),
        ("SELEC 1", "--sql: Parser Error: syntax error at or near"),
        ("SELECT * FROM read_text('/etc/hostname')", "file system operations are disabled"),
        ("FROM '/etc/hostname'", "does not exist!; the tables are "),
        ("FROM no_table", "Table with name no_table does not exist!; the tables are "),
    ],
)
def test_a_query_that_is_no_reading_of_tables_is_refused_on_one_line(
    filled: ALake, sql: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        query(filled.tables, sql)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_shows_its_latest_rows_first(filled: ALake) -> None:
    rows = latest_rows(filled.tables, "events_hourly", None, 2)

    assert rows["hour"].to_pylist() == [NEXT_DAY, ELEVEN]


def test_rows_of_a_table_begin_with_since(filled: ALake) -> None:
    after = datetime(2015, 5, 17, 11, tzinfo=UTC)

    assert latest_rows(filled.tables, "events_hourly", after, 9).num_rows == 2
    assert latest_rows(filled.tables, "paths_daily", NEXT_DAY, 9).num_rows == 1


def test_a_table_that_is_not_there_is_refused_with_those_that_are(filled: ALake) -> None:
    with pytest.raises(ConfigurationError, match="allowed: app_events"):
        latest_rows(filled.tables, "nope", None, 1)


def test_devices_with_long_counts_fit_into_80_columns(lake: ALake) -> None:
    device = Device(
        device="device-031",
        measures="temperature",
        unit="hPa",
        readings=1_000_703,
        suspect=36,
        mean=1_012.26,
    )
    found = replace(
        read_results(lake.tables), events_by_source={"sensor": 1_000_703}, devices=[device]
    )
    output = io.StringIO()

    print_results(Console(file=output, width=80), found)

    assert output.getvalue().splitlines()[-2].rstrip() == (
        " device-031  temperature  1,000,703  1,012.26 hPa       36  ██████████████████"
    )
