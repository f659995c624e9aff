"""Records to Arrow by the columns of a Glue table, as Firehose's format conversion does it.

Chunks of records are parsed in one pass each. A chunk that does not pass is halved until the bad
records are among few, and those are parsed one by one, in Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow
import pyarrow.compute as pc
import pyarrow.json

from tidelake.local.extension.firehose.documents import (
    UNSUPPORTED,
    ConversionError,
    RowFormat,
    parse_record,
)

CHUNK_RECORDS = 4_000
CHUNK_BYTES = 8 * 2**20
ONE_BY_ONE_RECORDS = 32

Failure: TypeAlias = tuple[int, ConversionError]


@dataclass(frozen=True)
class Converted:
    """The rows of the good records, and for each bad one its index and why it is bad."""

    rows: pyarrow.Table
    failures: tuple[Failure, ...]


def convert(records: Sequence[bytes], row_format: RowFormat) -> Converted:
    """Turn records of one or more JSON objects each into rows, in order.

    A record with any object that does not fit becomes a failure as a whole. Columns that an object
    lacks are null, keys without a column are dropped. Raises ConversionError where the table has a
    column of a type that is not supported here, such as a nested one.
    """
    schema = arrow_schema(row_format)
    tables = [schema.empty_table()]
    failures: list[Failure] = []
    for start, chunk in _chunks(records):
        for table, bad in _convert_chunk(chunk, row_format, schema):
            tables.append(table)
            failures += [(start + index, error) for index, error in bad]
    return Converted(pyarrow.concat_tables(tables), tuple(failures))


def arrow_schema(row_format: RowFormat) -> pyarrow.Schema:
    """The rows' schema: timestamps are in microseconds, UTC."""
    return pyarrow.schema([(name, _arrow_type(hive)) for name, hive in row_format.columns])


_ARROW_TYPES = {
    "string": pyarrow.string(),
    "varchar": pyarrow.string(),
    "char": pyarrow.string(),
    "tinyint": pyarrow.int8(),
    "smallint": pyarrow.int16(),
    "int": pyarrow.int32(),
    "integer": pyarrow.int32(),
    "bigint": pyarrow.int64(),
    "float": pyarrow.float32(),
    "double": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
    "timestamp": pyarrow.timestamp("us", tz="UTC"),
    "date": pyarrow.date32(),
}


def _arrow_type(hive_type: str) -> pyarrow.DataType:
    name, _, arguments = hive_type.strip().lower().partition("(")
    if name == "decimal":
        precision, _, scale = (arguments.rstrip(")") or "10,0").partition(",")
        return pyarrow.decimal128(int(precision), int(scale) if scale else 0)
    if name not in _ARROW_TYPES:
        raise ConversionError(UNSUPPORTED, f"Columns of type {hive_type} are not supported.")
    return _ARROW_TYPES[name]


def _chunks(records: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Slices of the records, each with the index of its first one."""
    start = size = 0
    for index, record in enumerate(records):
        if index > start and (index - start == CHUNK_RECORDS or size + len(record) > CHUNK_BYTES):
            yield start, records[start:index]
            start, size = index, 0
        size += len(record)
    if start < len(records):
        yield start, records[start:]


def _convert_chunk(
    records: Sequence[bytes], row_format: RowFormat, schema: pyarrow.Schema, start: int = 0
) -> Iterator[tuple[pyarrow.Table, list[Failure]]]:
    """Tables in order, each with its failures; what does not pass at once is halved."""
    table = _parse_at_once(records, schema) if row_format.is_plain else None
    if table is not None:
        yield table, []
    elif len(records) <= ONE_BY_ONE_RECORDS or not row_format.is_plain:
        table, bad = _parse_one_by_one(records, row_format, schema)
        yield table, [(start + index, error) for index, error in bad]
    else:
        half = len(records) // 2
        yield from _convert_chunk(records[:half], row_format, schema, start)
        yield from _convert_chunk(records[half:], row_format, schema, start + half)


_JSON_SPACE = b" \t\r\n"
_ISO_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_NOT_A_NUMBER = re.compile(rb"[:,\[]\s*[-+]?(?:NaN|Inf)")


def _parse_at_once(records: Sequence[bytes], schema: pyarrow.Schema) -> pyarrow.Table | None:
    """The rows of records of which every one is beyond doubt good, None where any is not."""
    lines = [record.strip(_JSON_SPACE) for record in records]
    # Braces around each record: then records that are only together valid JSON cannot pass.
    if not all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        return None
    text = b"\n".join(lines)
    try:
        if not text.isascii():
            text.decode()
        table = _typed(_read(text, schema), schema)
    except (UnicodeDecodeError, pyarrow.ArrowException):
        return None
    # Arrow takes NaN for a number, JSON does not.
    has_numbers = any(pyarrow.types.is_floating(field.type) for field in schema)
    return None if has_numbers and _NOT_A_NUMBER.search(text) else table


def _read(text: bytes, schema: pyarrow.Schema) -> pyarrow.Table:
    """Parse JSON objects; timestamps and dates stay strings, for `_typed` to be strict about.

    A key that no column has is an error: it could be a column's name in another case, and Arrow
    crashes on values nested deep enough when it has to infer their type.
    """
    return pyarrow.json.read_json(
        pyarrow.BufferReader(text),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=pyarrow.schema(
                [(f.name, pyarrow.string() if _is_time(f.type) else f.type) for f in schema]
            ),
            unexpected_field_behavior="error",
        ),
    )


def _typed(table: pyarrow.Table, schema: pyarrow.Schema) -> pyarrow.Table | None:
    """Cast strings to times; None where one is not in the form that Firehose documents."""
    columns = []
    for column, field in zip(table.columns, schema, strict=True):
        if _is_time(field.type):
            form = _ISO_DATE if pyarrow.types.is_date(field.type) else _ISO_TIMESTAMP
            if pc.all(pc.match_substring_regex(column, form)).as_py() is False:
                return None
            try:
                column = column.cast(field.type)
            except pyarrow.ArrowException:
                return None
        columns.append(column)
    return pyarrow.table(columns, schema=schema)


def _is_time(arrow_type: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_timestamp(arrow_type) or pyarrow.types.is_date(arrow_type))


def _parse_one_by_one(
    records: Sequence[bytes], row_format: RowFormat, schema: pyarrow.Schema
) -> tuple[pyarrow.Table, list[Failure]]:
    """The rows of the good records, and the bad ones with their index."""
    rows: list[str] = []
    failures: list[Failure] = []
    for index, record in enumerate(records):
        try:
            rows += [json.dumps(row) for row in parse_record(record, row_format)]
        except ConversionError as error:
            failures.append((index, error))
    if not rows:
        return schema.empty_table(), failures
    table = _typed(_read("\n".join(rows).encode(), schema), schema)
    if table is None:
        raise AssertionError("parse_record let a time pass in a form that is not canonical")
    return table, failures
