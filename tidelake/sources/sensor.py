"""Readings of sensors: CSV with a header, or JSON lines; both may stand in one file.

    timestamp,device_id,sensor_type,value,unit,location
    {"timestamp": "2026-03-02T10:00:00Z", "device_id": "m1", "type": "temperature", "value": 7.5}

Columns come in any order and under the names of `_COLUMNS`; those that a file lacks are set for
the whole of it. A time without a zone is UTC. A quoted field of CSV may not hold a line break.
"""

from __future__ import annotations

import csv
import math
import re
from functools import lru_cache

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.sources.files import Line
from tidelake.sources.json_lines import JsonObject, load_object
from tidelake.sources.lines import SkipReason, line_text
from tidelake.sources.options import SourceOptions
from tidelake.sources.sensor_quality import QualityChecks
from tidelake.sources.timestamps import utc_from_iso

_COLUMNS = {
    "timestamp": "event_time", "time": "event_time", "event_time": "event_time",
    "device_id": "device_id", "device": "device_id",
    "sensor_type": "sensor_type", "type": "sensor_type",
    "value": "value", "reading": "value",
    "unit": "unit",
    "location": "location",
}  # fmt: skip
"""Names of columns and keys -> the event's field."""

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?\Z"
)


class SensorParser:
    """Parses the lines of one input, and judges each reading by those before it."""

    def __init__(self, options: SourceOptions) -> None:
        self._settings = dict(options.settings)
        self._checks = QualityChecks(options.valid_range)

    def __call__(self, line: Line, first_line: bytes) -> Event | SkipReason:
        """The event of a reading, or that the line is the header. InvalidEventError for a misfit,
        such as every row of a file whose header has no time, no value or an unknown column."""
        text = line_text(line)
        if text.lstrip().startswith("{"):
            return self._event(_named(load_object(text)))
        if first_line.lstrip().startswith(b"{"):
            raise InvalidEventError("line: must be a JSON object, as the first one is")
        header = _read_header(first_line)
        if isinstance(header, str):
            raise InvalidEventError(header)
        if line.number == 1:
            return "header"
        return self._event(_row(header, text))

    def _event(self, reading: Event) -> Event:
        event: Event = {**self._settings, **reading}
        if "event_time" not in event:
            raise InvalidEventError("event_time: is missing")
        event["event_time"] = utc_from_iso(event["event_time"])
        event["event_type"] = "reading"
        value = event.get("value")
        # What is no number is left to the validation, which says so.
        if isinstance(value, int | float) and not isinstance(value, bool):
            event["value"] = float(value)
            reason = self._checks.judge(event)
            event["quality"] = "good" if reason is None else "suspect"
            if reason is not None:
                event["quality_reason"] = reason
        else:
            event["quality"] = "suspect"
        return event


@lru_cache(maxsize=64)
def _read_header(first_line: bytes) -> tuple[str, ...] | str:
    """The fields of the columns, or what is wrong with the header: looked at once for a file."""
    try:
        names = [name.lower() for name in _split(first_line.decode())]
    except UnicodeDecodeError:
        return "header: must be UTF-8"
    except InvalidEventError:
        return "header: must be CSV with balanced quotes"
    unknown = [name for name in names if name not in _COLUMNS]
    fields = [_COLUMNS[name] for name in names if name in _COLUMNS]
    if unknown or len(set(fields)) < len(fields) or not {"event_time", "value"} <= set(fields):
        columns = ", ".join(_COLUMNS)
        return f"header: must name a time, a value and only columns of {columns}, each field once"
    return tuple(fields)


def _row(header: tuple[str, ...], text: str) -> Event:
    values = _split(text)
    if len(values) != len(header):
        raise InvalidEventError(f"line: must have {len(header)} columns")
    reading: Event = {name: value for name, value in zip(header, values, strict=True) if value}
    if "value" in reading:
        reading["value"] = _number(str(reading["value"]))
    return reading


def _named(keys: JsonObject) -> Event:
    event: Event = {}
    for name, value in keys.items():
        if name not in _COLUMNS:
            raise InvalidEventError(f"line: must have only keys of {', '.join(_COLUMNS)}")
        field = _COLUMNS[name]
        if field in event:
            raise InvalidEventError(f"{field}: must be named once")
        # An empty text says no more than an empty column does.
        if value is not None and value != "":
            event[field] = value
    return event


def _split(text: str) -> list[str]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error:
        rule = f"balanced quotes and fields of at most {csv.field_size_limit()} characters"
        raise InvalidEventError(f"line: must be CSV with {rule}") from None
    return [value.strip() for value in rows[0]] if rows else []


def _number(text: str) -> float:
    number = float(text) if _NUMBER.match(text) else math.inf
    if not math.isfinite(number):
        raise InvalidEventError("value: must be a finite number")
    return number
