"""Events held to the field table: what fits, what can be put right, what cannot.

Put right is only what has one possible meaning: a number, or true and false, in a string; a whole
number with a fraction of zero; a timestamp with another offset than UTC's; a field that is null,
which is left out. Nothing is guessed: a number is not made text, and a timestamp without an offset
is not taken for UTC.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NoReturn

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.contract.schema import SOURCES, TIMESTAMP_PATTERN, Field, FieldType, event_fields


def events_in(record: bytes) -> list[Event]:
    """The JSON objects of one record, which may hold several in a row; none in a blank one.

    Raises InvalidEventError where it holds anything else, a key twice, or a number that is none.
    """
    try:
        return list(_documents(record.decode()))
    except (ValueError, RecursionError):
        raise InvalidEventError("record: must hold JSON objects in UTF-8 alone") from None


def conformed(event: Event) -> Event:
    """The event as the field table wants it: the very same object where nothing was put right.

    Raises InvalidEventError, which names field and rule and never a value, for a misfit.
    """
    fields = _fields_of(event.get("source"))
    kept: Event = {}
    for name, value in event.items():
        if name not in fields:
            raise InvalidEventError("event: must have no field outside the field table")
        if value is not None:
            kept[name] = _fitting(fields[name], value)
    for name, field in fields.items():
        if field.required and name not in kept:
            raise InvalidEventError(f"{name}: is missing")
    unchanged = len(kept) == len(event) and all(kept[name] is event[name] for name in kept)
    return event if unchanged else kept


def _documents(text: str) -> Iterator[Event]:
    position = _next_text(text, 0)
    while position < len(text):
        document, end = _DECODER.raw_decode(text, position)
        if not isinstance(document, dict):
            raise ValueError
        yield document
        position = _next_text(text, end)


_BLANK = re.compile(r"[ \t\r\n]*")


def _next_text(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return position if blank is None else blank.end()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError
    return document


def _no_number(_: str) -> NoReturn:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_number)


def _fields_of(source: object) -> Mapping[str, Field]:
    if not isinstance(source, str) or source not in SOURCES:
        raise InvalidEventError(f"source: must be one of {', '.join(SOURCES)}")
    return _fields_by_name(source)


@cache
def _fields_by_name(source: str) -> Mapping[str, Field]:
    return {field.name: field for field in event_fields(SOURCES[source])}


def _fitting(field: Field, value: object) -> object:
    """The value, or what it stands for, held to the field's rules."""
    try:
        fitting = _CONVERTERS[field.type](value)
    except (ValueError, OverflowError):
        raise InvalidEventError(f"{field.name}: must be of type {field.type.value}") from None
    for rule in _broken_rules(field, fitting):
        raise InvalidEventError(f"{field.name}: must {rule}")
    return fitting


def _broken_rules(field: Field, value: Any) -> Iterator[str]:
    if field.minimum is not None and value < field.minimum:
        yield f"be at least {field.minimum}"
    if field.maximum is not None and value > field.maximum:
        yield f"be at most {field.maximum}"
    if field.max_length is not None and len(value) > field.max_length:
        yield f"have at most {field.max_length} characters"
    if field.values and value not in field.values:
        yield f"be one of {', '.join(field.values)}"


_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,307})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?")
_UTC = re.compile(TIMESTAMP_PATTERN)
_WITH_OFFSET = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)


def _integer(bits: int) -> Callable[[object], object]:
    limit = 2 ** (bits - 1)

    def convert(value: object) -> int:
        number = value
        if isinstance(value, str):
            number = int(value) if _INTEGER.fullmatch(value) else None
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        # A bool is an int to Python.
        if type(number) is not int or not -limit <= number < limit:
            raise ValueError
        return number

    return convert


def _double(value: object) -> float:
    number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValueError
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ValueError
    return value == "true"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _timestamp(value: object) -> str:
    if not isinstance(value, str) or not _WITH_OFFSET.fullmatch(value):
        raise ValueError
    moment = datetime.fromisoformat(value)
    if _UTC.fullmatch(value):
        return value
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_CONVERTERS: Mapping[FieldType, Callable[[object], object]] = {
    FieldType.STRING: _text,
    FieldType.INT: _integer(32),
    FieldType.BIGINT: _integer(64),
    FieldType.DOUBLE: _double,
    FieldType.BOOLEAN: _boolean,
    FieldType.TIMESTAMP: _timestamp,
}
