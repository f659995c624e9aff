"""Literal bounds of time."""

from __future__ import annotations

from spark_jobs.spans import Touched, dates_within, within_days


def test_days_in_a_row_become_one_pair_of_literal_bounds() -> None:
    assert within_days("t.at", [3, 1, 2, 9]) == (
        "(t.at >= timestamp_seconds(86400) AND t.at < timestamp_seconds(345600)) OR "
        "(t.at >= timestamp_seconds(777600) AND t.at < timestamp_seconds(864000))"
    )


def test_dates_in_a_row_become_one_pair_of_literal_bounds() -> None:
    assert dates_within("day", [2, 1]) == (
        "(day >= date_from_unix_date(1) AND day <= date_from_unix_date(2))"
    )


def test_without_days_nothing_holds() -> None:
    assert within_days("t.at", []) == "false"
    assert dates_within("day", []) == "false"


def test_of_the_outer_days_only_what_was_touched_counts() -> None:
    touched = Touched(days=(1, 2, 9), first=90_000, last=780_000)
    assert touched.runs_of_seconds(margin=10) == [(89_990, 259_210), (777_590, 780_010)]
