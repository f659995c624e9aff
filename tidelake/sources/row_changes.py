"""What every form of a changed row shares: its key, its weight, its rows as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.sources.json_lines import JsonObject, dump
from tidelake.sources.options import SourceOptions


def row_fields(
    options: SourceOptions,
    *,
    table: str,
    operation: str,
    before: JsonObject | None,
    after: JsonObject | None,
    key: JsonObject | None,
) -> Event:
    """The fields that follow from what happened to a row: operation INSERT, UPDATE or DELETE.

    The key is the given one, or else made of the columns that the options name for the table.
    Raises InvalidEventError where a key cannot be had.
    """
    newest = after if after is not None else before
    if not key:
        # An empty key would put all rows of a table in one place.
        key = _key_from(options.key_fields, table, newest)
    event: Event = {
        "event_type": operation.lower(),
        "table_name": table,
        "operation": operation,
        "change_type": _change_type(operation, before, after, options.critical_fields),
        "row_key": dump(key),
    }
    if before is not None:
        event["row_before"] = dump(before)
    if after is not None:
        event["row_after"] = dump(after)
    return event


def as_object(value: object, field: str) -> JsonObject | None:
    """A JSON object or null; InvalidEventError for anything else."""
    if value is None or isinstance(value, dict):
        return value
    raise InvalidEventError(f"{field}: must be an object or null")


def as_text(value: object, field: str) -> str:
    """A text that is not empty; InvalidEventError for anything else."""
    if isinstance(value, str) and value:
        return value
    raise InvalidEventError(f"{field}: must be a text that is not empty")


def as_count(value: object, field: str) -> int:
    """A number of a position, 0 where it is null; InvalidEventError for anything else.

    Oracle's connector writes its 64-bit numbers as text.
    """
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise InvalidEventError(f"{field}: must be a number, 0 or more")


def _key_from(
    key_fields: Mapping[str, tuple[str, ...]], table: str, row: JsonObject | None
) -> JsonObject:
    names = key_fields.get(table, key_fields.get(""))
    if names is None:
        raise InvalidEventError("row_key: must come with the line or be named by --key-fields")
    if row is None or any(row.get(name) is None for name in names):
        raise InvalidEventError("row_key: must have a value in every column of --key-fields")
    return {name: row[name] for name in names}


def _change_type(
    operation: str,
    before: JsonObject | None,
    after: JsonObject | None,
    critical_fields: tuple[str, ...],
) -> str:
    """Critical is an update that is seen to change the value of a critical column."""
    if operation == "INSERT":
        return "new_record"
    if operation == "DELETE":
        return "record_deletion"
    if before is not None and after is not None:
        for name in critical_fields:
            if name in before and name in after and before[name] != after[name]:
                return "critical_update"
    return "standard_update"
