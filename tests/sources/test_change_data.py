"""Plain row changes; those of Debezium have a file of their own."""

from __future__ import annotations

import json

import pytest

from tests.sources.reading import events, own_fields, reason, skipped
from tidelake.contract.errors import ConfigurationError
from tidelake.sources.options import SourceOptions, parse_key_fields, parse_names

CHANGE: dict[str, object] = {
    "timestamp": "2026-03-02T10:00:00.25",
    "database": "shop",
    "table": "orders",
    "operation": "UPDATE",
    "transaction_id": "t-1",
    "before": {"order_id": 7, "status": "pending", "total_amount": 100.0},
    "after": {"order_id": 7, "status": "paid", "total_amount": 100.0},
    "key": {"order_id": 7},
}
BY_ID = SourceOptions(key_fields={"": ("order_id",)})


def line(**changes: object) -> str:
    changed = {**CHANGE, **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not ...})


def test_a_changed_row_becomes_an_event() -> None:
    assert own_fields(events("change_data", line())[0]) == {
        "event_time": "2026-03-02T10:00:00.25Z",
        "event_type": "update",
        "database_name": "shop",
        "table_name": "orders",
        "operation": "UPDATE",
        "is_snapshot": False,
        "change_type": "critical_update",
        "transaction_id": "t-1",
        "row_key": '{"order_id":7}',
        "source_position": "2026-03-02T10:00:00.250000Z:00000000000000000000",
        "row_before": '{"order_id":7,"status":"pending","total_amount":100.0}',
        "row_after": '{"order_id":7,"status":"paid","total_amount":100.0}',
    }


def test_an_insert_has_no_row_before_and_a_delete_none_after() -> None:
    inserted, deleted = events("change_data", line(operation="insert"), line(operation="Delete"))
    assert (inserted["operation"], inserted["change_type"]) == ("INSERT", "new_record")
    assert "row_before" not in inserted
    assert (deleted["operation"], deleted["change_type"]) == ("DELETE", "record_deletion")
    assert "row_after" not in deleted


@pytest.mark.parametrize(
    ("before", "after", "critical", "change_type"),
    [
        ({"status": "a"}, {"status": "b"}, None, "critical_update"),
        ({"email": "a"}, {"email": "b"}, None, "critical_update"),
        ({"total_amount": 1}, {"total_amount": 2}, None, "critical_update"),
        ({"note": "a"}, {"note": "b"}, None, "standard_update"),
        ({"status": "a"}, {"status": "a"}, None, "standard_update"),
        ({}, {"status": "a"}, None, "standard_update"),
        (None, {"status": "a"}, None, "standard_update"),
        ({"status": "a"}, {"status": "b"}, ("note",), "standard_update"),
        ({"note": "a"}, {"note": "b"}, ("note",), "critical_update"),
    ],
)
def test_an_update_of_a_field_that_matters_is_critical(
    before: object, after: object, critical: tuple[str, ...] | None, change_type: str
) -> None:
    options = SourceOptions() if critical is None else SourceOptions(critical_fields=critical)
    (event,) = events("change_data", line(before=before, after=after), options=options)
    assert event["change_type"] == change_type


def test_the_key_is_made_of_the_named_columns_where_the_line_has_none() -> None:
    (event,) = events("change_data", line(key=...), options=BY_ID)
    assert event["row_key"] == '{"order_id":7}'
    named = SourceOptions(key_fields={"": ("id",), "orders": ("status", "order_id")})
    (event,) = events("change_data", line(key=...), options=named)
    assert event["row_key"] == '{"order_id":7,"status":"paid"}'


def test_the_key_of_a_deleted_row_is_that_of_the_row_before() -> None:
    (event,) = events("change_data", line(key=..., operation="DELETE", after=None), options=BY_ID)
    assert event["row_key"] == '{"order_id":7}'


@pytest.mark.parametrize(
    ("changes", "options", "rule"),
    [
        ({"key": ...}, None, "row_key: must come with the line or be named by --key-fields"),
        ({"key": {}}, None, "row_key: must come with the line or be named by --key-fields"),
        ({"key": ..., "after": {"x": 1}}, BY_ID,
         "row_key: must have a value in every column of --key-fields"),
        ({"operation": "MERGE"}, None, "operation: must be one of INSERT, UPDATE, DELETE"),
        ({"operation": ...}, None, "operation: must be one of INSERT, UPDATE, DELETE"),
        ({"table": ""}, None, "table: must be a text that is not empty"),
        ({"after": None}, None, "after: must be an object unless a row is deleted"),
        ({"before": [1]}, None, "before: must be an object or null"),
        ({"timestamp": "soon"}, None, "event_time: must be like 2015-05-17T10:05:03Z"),
        ({"timestamp": ...}, None, "event_time: must be like 2015-05-17T10:05:03Z"),
        ({"position": -1}, None, "position: must be a number, 0 or more"),
        ({"transaction_id": 7}, None, "transaction_id: must be of type string"),
        ({"after": {"x": "y" * 530_000}}, None, "row_after: must have at most 524288 characters"),
        ({"s3cr3t": 1}, None,
         "line: must have only keys of after, before, change_type, database, key, operation, "
         "position, schema, table, timestamp, transaction_id"),
    ],
)  # fmt: skip
def test_a_wrong_change_is_rejected_with_its_reason(
    changes: dict[str, object], options: SourceOptions | None, rule: str
) -> None:
    assert reason("change_data", line(**changes), options) == rule


def test_positions_sort_as_the_lines_do() -> None:
    lines = [line(timestamp=f"2026-03-02T10:00:{second}") for second in ("00", "00", "00.5", "01")]
    positions = [str(event["source_position"]) for event in events("change_data", *lines)]
    assert positions == sorted(set(positions))


def test_a_position_of_the_line_is_taken_and_sorts() -> None:
    lines = [line(position=position) for position in (9, 10, "gtid-3")]
    assert [event["source_position"] for event in events("change_data", *lines)] == [
        "00000000000000000009",
        "00000000000000000010",
        "gtid-3",
    ]


def test_a_line_of_null_is_a_tombstone() -> None:
    assert skipped("change_data", "null", " null ") == ["tombstone", "tombstone"]


def test_key_fields_are_read_by_table() -> None:
    assert parse_key_fields(["id", "orders=order_id, line"]) == {
        "": ("id",),
        "orders": ("order_id", "line"),
    }
    assert parse_names("--critical-fields", "status, email") == ("status", "email")


@pytest.mark.parametrize("texts", [[""], ["a,,b"], ["=a"], ["t="], ["a", "b"]])
def test_wrong_key_fields_are_refused(texts: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="--key-fields"):
        parse_key_fields(texts)
