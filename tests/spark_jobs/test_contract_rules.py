"""Reasons to quarantine a row."""

from __future__ import annotations

import pytest

from spark_jobs.events import judge
from spark_jobs.raw_events import read_raw
from tests.spark_jobs.conftest import LocalLake
from tests.spark_jobs.rows import request_row
from tidelake.contract.schema import SOURCES, event_fields


def test_every_field_has_a_rule_so_that_judging_reads_every_column() -> None:
    ruleless = [
        field.name
        for source in SOURCES.values()
        for field in event_fields(source)
        if not field.required
        and field.minimum is None
        and field.maximum is None
        and field.max_length is None
        and not field.values
    ]
    assert ruleless == []


@pytest.mark.slow
def test_the_first_broken_rule_is_named_without_the_value(lake: LocalLake) -> None:
    rows = [
        request_row("good", remote_user=None, target=None),
        request_row("no event time", event_time=None),
        request_row("no client", client_address=None),
        request_row("low status", status=99),
        request_row("high status", status=600),
        request_row("negative size", response_bytes=-1),
        request_row("long method", method="X" * 33),
        request_row("longest method", method="X" * 32),
        request_row("two rules", schema_version=0, status=600),
        request_row("no source", source=None),
        request_row("other source", source="sensors"),
        request_row("w" * 65),
    ]
    raw = read_raw(lake.spark, [lake.put_object("a.parquet", rows).uri])
    judged = judge(raw).orderBy("row_index").select("event_id", "reason").collect()
    assert [tuple(row) for row in judged] == [
        ("good", None),
        ("no event time", "event_time: missing"),
        ("no client", "client_address: missing"),
        ("low status", "status: below 100"),
        ("high status", "status: above 599"),
        ("negative size", "response_bytes: below 0"),
        ("long method", "method: longer than 32 characters"),
        ("longest method", None),
        ("two rules", "schema_version: below 1"),
        ("no source", "source: missing"),
        ("other source", "source: not one of web_log, sensor, change_data, app_event"),
        ("w" * 65, "event_id: longer than 64 characters"),
    ]
