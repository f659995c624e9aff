"""One record, parsed with care: what Firehose says of a bad one, and a good one made canonical."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

MALFORMED = "DataFormatConversion.MalformedData"
UNPARSABLE = "DataFormatConversion.ParseError"
NO_TABLE = "DataFormatConversion.EntityNotFound"
UNSUPPORTED = "DataFormatConversion.ConversionFailureException"


class ConversionError(Exception):
    """Why a record, or all of them, cannot become rows: an error code and message of Firehose's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class RowFormat:
    """How a record's JSON becomes a row.

    `columns` are names and Hive types of the table's columns. The rest are options of the OpenX
    JSON SerDe; `key_mappings` leads from column to JSON key.
    """

    columns: tuple[tuple[str, str], ...]
    case_insensitive: bool = True
    dots_to_underscores: bool = False
    key_mappings: tuple[tuple[str, str], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether Arrow's own parser does it justice.

        It renames no keys, and does not notice a number with more digits than a decimal holds.
        """
        has_decimals = any(hive.strip().lower().startswith("decimal") for _, hive in self.columns)
        return not (self.dots_to_underscores or self.key_mappings or has_decimals)


Row = dict[str, Any]
"""A row's values that are not null, by column; times and decimals are strings."""


def parse_record(record: bytes, row_format: RowFormat) -> list[Row]:
    """The rows of a record of one or more JSON objects; raises ConversionError."""
    return [_row(document, row_format) for document in _objects(record)]


def _objects(record: bytes) -> list[dict[str, Any]]:
    try:
        text = record.decode()
    except UnicodeDecodeError:
        raise ConversionError(UNPARSABLE, "Encountered malformed JSON. Invalid UTF-8.") from None
    text = text.strip(_JSON_SPACE)
    if not text:
        raise ConversionError(MALFORMED, "The record was empty or contained only whitespace.")
    found: list[dict[str, Any]] = []
    position = 0
    while position < len(text):
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise ConversionError(UNPARSABLE, "Encountered malformed JSON.") from None
        if not isinstance(value, dict):
            raise ConversionError(MALFORMED, "The top level of a JSON document must be an object.")
        found.append(value)
        while position < len(text) and text[position] in _JSON_SPACE:
            position += 1
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


_JSON_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse)


def _row(document: dict[str, Any], row_format: RowFormat) -> Row:
    fields: dict[str, Any] = {}
    for key, value in document.items():
        name = key.replace(".", "_") if row_format.dots_to_underscores else key
        fields[name.lower() if row_format.case_insensitive else name] = value
    mappings = dict(row_format.key_mappings)
    row: Row = {}
    for column, hive_type in row_format.columns:
        key = mappings.get(column, column)
        value = fields.get(key.lower() if row_format.case_insensitive else key)
        if value is not None:
            row[column] = _canonical(value, hive_type)
    return row


def _canonical(value: Any, hive_type: str) -> Any:
    name, _, arguments = hive_type.strip().lower().partition("(")
    try:
        if name == "decimal":
            return _decimal(value, arguments)
        return _CONVERTERS[name](value)
    except (ValueError, TypeError, ArithmeticError):
        raise ConversionError(MALFORMED, "Data does not match the schema.") from None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=float)
    text.encode()  # half of a surrogate pair is no text
    return text


def _integer(bits: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeError
        number = int(value) if isinstance(value, int) else int(_matched(_INTEGER, value))
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError
        return number

    return convert


def _floating(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise TypeError
    number = float(_matched(_NUMBER, value) if isinstance(value, str) else value)
    if math.isinf(number):
        raise ValueError
    return number


def _decimal(value: Any, arguments: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise TypeError
    number = Decimal(_matched(_NUMBER, value) if isinstance(value, str) else value)
    precision, _, scale = (arguments.rstrip(")") or "10,0").partition(",")
    places = int(scale) if scale else 0
    exact = number.quantize(Decimal(1).scaleb(-places))
    if exact != number or len(exact.as_tuple().digits) > int(precision):
        raise ValueError
    return str(exact)


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> str:
    return date.fromisoformat(_matched(_DATE, value)).isoformat()


def _timestamp(value: Any) -> str:
    """A time in one of the forms that Firehose documents for the OpenX JSON SerDe.

    https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html; digits beyond
    the microsecond are cut off.
    """
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, int | Decimal):
        # Epoch milliseconds have 12 digits or more from 1973 on, seconds until the year 5138 fewer.
        number = Decimal(value)
        seconds = number if abs(number) < 10**11 else number / 1000
        moment = _EPOCH + timedelta(microseconds=int(seconds * 10**6))
    else:
        match = _TIMESTAMP_WITH_T.fullmatch(value) or _TIMESTAMP_WITH_SPACE.fullmatch(value)
        if match is None:
            raise ValueError
        *parts, fraction = match.groups(default="")
        year, month, day, hour, minute, second = map(int, parts)
        microsecond = int(fraction[:6].ljust(6, "0"))
        moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _matched(pattern: re.Pattern[str], value: Any) -> str:
    if pattern.fullmatch(value) is None:
        raise ValueError
    text: str = value
    return text


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"[-+]?[0-9]{1,20}")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME_OF_DAY = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
_TIMESTAMP_WITH_T = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T" + _TIME_OF_DAY + "Z")
_TIMESTAMP_WITH_SPACE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2}) " + _TIME_OF_DAY)

_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "varchar": _text,
    "char": _text,
    "tinyint": _integer(8),
    "smallint": _integer(16),
    "int": _integer(32),
    "integer": _integer(32),
    "bigint": _integer(64),
    "float": _floating,
    "double": _floating,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "date": _date,
}
