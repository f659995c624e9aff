"""The check balances when nothing is amiss, and names the place and the difference when it is."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from tests.lake.a_lake import BUCKET, ALake, key_of, uri_of
from tidelake.contract.errors import InputError
from tidelake.lake.check import HourCheck
from tidelake.lake.check_report import print_check
from tidelake.lake.lake_check import LakeCheck, check_lake
from tidelake.lake.observed import Period

ALWAYS = Period()
A, B = uri_of("a", 10), uri_of("b", 11)


@pytest.fixture
def balanced(lake: ALake) -> ALake:
    """Two hours: six raw rows, of which four events, one duplicate, one quarantined."""
    lake.put_raw("a", 10, ["1", "2", "3"])
    lake.put_raw("b", 11, ["3", "4", "5"])
    lake.put_ledger(A, read=3, events=3)
    lake.put_ledger(B, read=3, events=1, duplicates=1, quarantined=1)
    lake.put_events(A, ["1", "2", "3"])
    lake.put_events(B, ["4"])
    lake.put_quarantined(B, 2, {"event_id": "5"})
    return lake


def check(lake: ALake, period: Period = ALWAYS, receipts: Path | None = None) -> LakeCheck:
    return check_lake(lake.files, lake.tables, period, receipts)


def test_a_lake_that_lost_nothing_balances_in_every_hour(balanced: ALake) -> None:
    found = check(balanced)

    assert found.problems == []
    assert [
        (c.hour, c.objects, c.raw, c.curated, c.duplicates, c.quarantined, c.verdict)
        for c in found.hours
    ] == [
        (datetime(2026, 11, 22, 10, tzinfo=UTC), 1, 3, 3, 0, 0, "balanced"),
        (datetime(2026, 11, 22, 11, tzinfo=UTC), 1, 3, 1, 1, 1, "balanced"),
    ]


def test_an_empty_lake_balances(lake: ALake) -> None:
    assert check(lake).problems == []


def test_a_row_that_was_removed_is_a_difference(balanced: ALake) -> None:
    balanced.delete("web_access", "event_id = '2'")

    assert check(balanced).problems == [
        f"2026-11-22T10: {A}: 3 events by the ledger, 2 rows in the event tables"
    ]


def test_a_row_that_was_doubled_is_a_difference(balanced: ALake) -> None:
    balanced.put_events(A, ["2"])

    assert check(balanced).problems == [
        f"2026-11-22T10: {A}: 3 events by the ledger, 4 rows in the event tables",
        f"2026-11-22T10: {A}: 1 rows of the event tables repeat an event",
    ]


def test_a_row_that_was_doubled_in_the_place_of_another_is_a_difference(balanced: ALake) -> None:
    balanced.delete("web_access", "event_id = '2'")
    balanced.put_events(A, ["3"])

    assert check(balanced).problems == [
        f"2026-11-22T10: {A}: 1 rows of the event tables repeat an event"
    ]


def test_a_row_that_was_moved_to_another_hour_is_a_difference(balanced: ALake) -> None:
    balanced.delete("web_access", "event_id = '2'")
    balanced.put_events(A, ["2"], hour=datetime(2026, 11, 22, 11, tzinfo=UTC))

    assert check(balanced).problems == [f"2026-11-22T10: {A}: 1 events lie under 2026-11-22T11"]


def test_a_row_that_left_the_quarantine_is_a_difference(balanced: ALake) -> None:
    balanced.delete("quarantine", "row_index = 2")

    assert check(balanced).problems == [
        f"2026-11-22T11: {B}: 1 quarantined by the ledger, 0 in the quarantine"
    ]


def test_an_object_that_was_lost_is_a_difference(balanced: ALake) -> None:
    balanced.files.system.delete_file(f"{BUCKET}/{key_of('a', 10)}")

    assert check(balanced).problems == [
        f"2026-11-22T10: {A}: the ledger read 3 rows, but the object is gone"
    ]


def test_an_object_that_changed_is_a_difference(balanced: ALake) -> None:
    balanced.put_raw("a", 10, ["1", "2", "3", "6"])

    assert check(balanced).problems == [f"2026-11-22T10: {A}: 4 raw rows, but the ledger read 3"]


def test_an_object_that_no_batch_took_waits(balanced: ALake) -> None:
    balanced.put_raw("c", 11, ["7"])

    found = check(balanced)

    assert found.problems == [
        "2026-11-22T11: 1 objects wait: no batch that has ended was given them"
    ]
    assert found.hours[1].verdict == "waiting"


def test_events_without_a_row_in_the_ledger_are_a_difference(balanced: ALake) -> None:
    balanced.delete("ledger", f"raw_object = '{A}'")

    assert check(balanced).problems == [
        f"2026-11-22T10: {A}: is not in the ledger, as while its batch runs, but 3 events and 0 "
        "quarantined rows are from it",
        "2026-11-22T10: 1 objects wait: no batch that has ended was given them",
    ]


def test_an_unreadable_object_makes_its_hour_unverified(balanced: ALake) -> None:
    balanced.files.write(key_of("torn", 10), b"PAR1 and no more")
    balanced.put_ledger(uri_of("torn", 10), read=0, events=0, status="unreadable")

    found = check(balanced)

    assert found.problems == []
    assert found.is_unverified
    assert [(c.unreadable, c.verdict) for c in found.hours] == [(1, "unverified"), (0, "balanced")]


def test_an_object_with_a_damaged_footer_makes_its_hour_unverified(balanced: ALake) -> None:
    content = balanced.files.read(key_of("a", 10))
    footer = int.from_bytes(content[-8:-4], "little")
    damaged = content[: -8 - footer] + b"\xff" * footer + content[-8:]
    balanced.files.write(key_of("damaged", 10), damaged)
    balanced.put_ledger(uri_of("damaged", 10), read=0, events=0, status="unreadable")

    found = check(balanced)

    assert found.problems == []
    assert [hour.verdict for hour in found.hours] == ["unverified", "balanced"]


def test_markers_and_empty_objects_are_no_data(balanced: ALake) -> None:
    balanced.files.write("streaming-data/_SUCCESS", b"")
    balanced.files.write(key_of("empty", 10), b"")

    assert check(balanced).problems == []


def test_an_object_in_two_batches_counts_once_by_its_first_row(balanced: ALake) -> None:
    later = datetime(2026, 11, 23, tzinfo=UTC)
    balanced.put_ledger(A, read=3, events=0, duplicates=3, batch="b2", committed_at=later)

    found = check(balanced)

    assert found.problems == []
    assert found.hours[0].duplicates == 0


def test_an_object_that_a_second_batch_could_read_is_verified(balanced: ALake) -> None:
    earlier = datetime(2026, 11, 21, tzinfo=UTC)
    balanced.put_ledger(A, read=0, events=0, status="unreadable", batch="b0", committed_at=earlier)

    assert check(balanced).hours[0].verdict == "balanced"


def test_expiry_of_snapshots_changes_nothing(balanced: ALake) -> None:
    before = check(balanced).hours
    for name in balanced.tables.names():
        table = balanced.tables.catalog.load_table((balanced.tables.database, name))
        snapshots = [s.snapshot_id for s in table.snapshots()[:-1]]
        if snapshots:
            table.maintenance.expire_snapshots().by_ids(snapshots).commit()

    assert check(balanced).hours == before


def test_a_period_leaves_other_hours_out(balanced: ALake) -> None:
    balanced.delete("web_access", "event_id = '2'")
    eleven = datetime(2026, 11, 22, 11, tzinfo=UTC)

    assert check(balanced, Period(since=eleven)).problems == []
    assert len(check(balanced, Period(until=eleven)).problems) == 1


def test_a_period_begins_with_the_hour_that_its_start_lies_in(balanced: ALake) -> None:
    half_past_ten = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)

    assert len(check(balanced, Period.between(half_past_ten, None)).hours) == 2
    assert check(balanced, Period.between(None, half_past_ten)).hours == []


def test_receipts_that_all_arrived_balance(balanced: ALake, tmp_path: Path) -> None:
    receipts = tmp_path / "receipts"
    receipts.write_text("1\n2\n2\n5\n")

    found = check(balanced, receipts=receipts).receipts

    assert found is not None
    assert (found.accepted, found.raw, found.failed, found.missing) == (3, 3, 0, 0)


def test_an_accepted_event_that_did_not_arrive_is_named(balanced: ALake, tmp_path: Path) -> None:
    receipts = tmp_path / "receipts"
    receipts.write_text("1\n9\n")

    assert check(balanced, receipts=receipts).problems == [
        "receipts: 1 of 2 accepted events are neither in the raw zone nor among the unreplayed "
        "conversion failures, such as 9"
    ]


def test_ids_of_an_object_with_damaged_pages_did_not_arrive(
    balanced: ALake, tmp_path: Path
) -> None:
    content = balanced.files.read(key_of("a", 10))
    balanced.files.write(key_of("a", 10), content[:4] + b"\xff" * 40 + content[44:])
    receipts = tmp_path / "receipts.txt"
    receipts.write_text("1\n4\n")

    assert check(balanced, receipts=receipts).problems == [
        "receipts: 1 of 2 accepted events are neither in the raw zone nor among the unreplayed "
        "conversion failures, such as 1"
    ]


def test_receipts_without_an_id_are_refused(balanced: ALake, tmp_path: Path) -> None:
    receipts = tmp_path / "receipts"
    receipts.write_text("\n")

    with pytest.raises(InputError, match="hold no event id"):
        check(balanced, receipts=receipts)


def test_hours_of_millions_fit_into_80_columns() -> None:
    balanced = HourCheck(
        hour=datetime(2026, 11, 22, 10, tzinfo=UTC),
        objects=40,
        raw=1_986_940,
        curated=1_961_610,
        duplicates=18_800,
        quarantined=6_530,
    )
    torn = replace(balanced, hour=datetime(2026, 11, 22, 11, tzinfo=UTC), unreadable=12)
    found = LakeCheck(
        hours=[balanced, torn], receipts=None, unreplayed_failures=0, unreplayed_rows=0
    )
    output = io.StringIO()

    print_check(Console(file=output, width=80), found)

    assert [line.rstrip() for line in output.getvalue().splitlines()[2:7]] == [
        " hour          objects       raw   curated duplicates quarantined",
        " ──────────────────────────────────────────────────────────────────────────────",
        " 2026-11-22T10      40 1,986,940 1,961,610     18,800       6,530 balanced",
        " 2026-11-22T11      40 1,986,940 1,961,610     18,800       6,530 unverified",
        "                                                                  (12)",
    ]
