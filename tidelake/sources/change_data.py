"""Changed rows of databases as JSON lines: plain ones, and Debezium's, in one file if need be.

A plain one says `operation` (INSERT, UPDATE or DELETE), `table`, `timestamp`, the rows `before`
and `after`, and may say `key`, `database`, `schema`, `transaction_id` and `position`.
"""

from __future__ import annotations

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.sources.debezium import is_debezium, parse_debezium
from tidelake.sources.files import Line
from tidelake.sources.json_lines import JsonObject, load_object
from tidelake.sources.lines import SkipReason, line_text
from tidelake.sources.options import SourceOptions
from tidelake.sources.row_changes import as_count, as_object, as_text, row_fields
from tidelake.sources.timestamps import utc_from_iso

_KEYS = frozenset(
    ("timestamp", "database", "schema", "table", "operation", "transaction_id", "before", "after",
     "key", "position", "change_type")
)  # fmt: skip
"""`change_type` is taken, so that what others wrote can be read, and worked out anew."""

_OPERATIONS = ("INSERT", "UPDATE", "DELETE")


class ChangeDataParser:
    """Parses the lines of one input; it remembers nothing."""

    def __init__(self, options: SourceOptions) -> None:
        self._options = options

    def __call__(self, line: Line, first_line: bytes) -> Event | SkipReason:
        """The event of a changed row, or what kind of record it is that holds none.

        `null` alone is a tombstone. Raises InvalidEventError, which names the field and the rule
        and never a value, for any other line.
        """
        del first_line
        text = line_text(line)
        if text.strip() == "null":
            return "tombstone"
        change = load_object(text)
        if is_debezium(change):
            return parse_debezium(change, self._options)
        return _parse_plain(change, line.offset, self._options)


def _parse_plain(change: JsonObject, offset: int, options: SourceOptions) -> Event:
    if not change.keys() <= _KEYS:
        raise InvalidEventError(f"line: must have only keys of {', '.join(sorted(_KEYS))}")
    operation = str(change.get("operation")).upper()
    if operation not in _OPERATIONS:
        raise InvalidEventError(f"operation: must be one of {', '.join(_OPERATIONS)}")
    before, after = (
        as_object(change.get("before"), "before"),
        as_object(change.get("after"), "after"),
    )
    if operation != "DELETE" and after is None:
        raise InvalidEventError("after: must be an object unless a row is deleted")
    event = row_fields(
        options,
        table=as_text(change.get("table"), "table"),
        operation=operation,
        before=None if operation == "INSERT" else before,
        after=None if operation == "DELETE" else after,
        key=as_object(change.get("key"), "key"),
    )
    event["event_time"] = utc_from_iso(change.get("timestamp"))
    event["is_snapshot"] = False
    event["source_position"] = _position(change, str(event["event_time"]), offset)
    for name, key in (
        ("database_name", "database"),
        ("schema_name", "schema"),
        ("transaction_id", "transaction_id"),
    ):
        if change.get(key) is not None:
            event[name] = change[key]
    return event


def _position(change: JsonObject, event_time: str, offset: int) -> str:
    """The line's own position, a number with leading zeros; or else its time, then its place."""
    position = change.get("position")
    if isinstance(position, str):
        return as_text(position, "position")
    if position is not None:
        return f"{as_count(position, 'position'):020}"
    # To the microsecond, so that texts of one length compare.
    whole, _, fraction = event_time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z:{offset:020}"
