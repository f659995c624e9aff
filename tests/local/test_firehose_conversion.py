from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tidelake.local.extension.firehose.conversion import convert
from tidelake.local.extension.firehose.documents import ConversionError, RowFormat

PARSE_ERROR = "DataFormatConversion.ParseError"
MALFORMED = "DataFormatConversion.MalformedData"


def value_of(record: bytes, hive_type: str) -> Any:
    """What the column `a` of this type gets from a record, which has to be good."""
    converted = convert([record], RowFormat(columns=(("a", hive_type),)))
    assert converted.failures == ()
    return converted.rows.column("a").to_pylist()[0]


def error_of(record: bytes, hive_type: str = "int") -> str:
    """The error code of a record, which has to be bad."""
    converted = convert([record], RowFormat(columns=(("a", hive_type),)))
    assert converted.rows.num_rows == 0
    [(index, error)] = converted.failures
    assert index == 0
    return error.code


@pytest.mark.parametrize(
    ("record", "hive_type", "value"),
    [
        (b'{"a": "x"}', "string", "x"),
        (b'{"a": "\xc3\xa9"}', "string", "\u00e9"),
        (b'{"a": 5}', "string", "5"),
        (b'{"a": {"b": [1, 2.5]}}', "string", '{"b": [1, 2.5]}'),
        (b'{"a": 7}', "int", 7),
        (b'{"a": "7"}', "int", 7),
        (b'{"a": 9223372036854775807}', "bigint", 9223372036854775807),
        (b'{"a": -128}', "tinyint", -128),
        (b'{"a": 1.5}', "double", 1.5),
        (b'{"a": 1}', "double", 1.0),
        (b'{"a": "1e3"}', "double", 1000.0),
        (b'{"a": true}', "boolean", True),
        (b'{"a": "false"}', "boolean", False),
        (b'{"a": "2017-02-07"}', "date", date(2017, 2, 7)),
        (b'{"a": 1.5}', "decimal(10,2)", Decimal("1.50")),
        (b'{"a": "12.34"}', "decimal(4,2)", Decimal("12.34")),
        (b'{"a": null}', "int", None),
        (b"{}", "int", None),
        (b'{"b": "unknown"}', "int", None),
        (b'{"a": 1, "a": 2}', "int", 2),
        (b' {"a": 1}\r\n', "int", 1),
    ],
)
def test_value_that_fits_its_column_is_converted(record: bytes, hive_type: str, value: Any) -> None:
    assert value_of(record, hive_type) == value


@pytest.mark.parametrize(
    ("json_value", "moment"),
    [
        ('"2017-02-07T15:13:01Z"', datetime(2017, 2, 7, 15, 13, 1, tzinfo=UTC)),
        ('"2017-02-07T15:13:01.39256Z"', datetime(2017, 2, 7, 15, 13, 1, 392560, tzinfo=UTC)),
        ('"2017-02-07T15:13:01.392567891Z"', datetime(2017, 2, 7, 15, 13, 1, 392567, tzinfo=UTC)),
        ('"2017-2-7 15:13:01.14"', datetime(2017, 2, 7, 15, 13, 1, 140000, tzinfo=UTC)),
        ("1518033528", datetime(2018, 2, 7, 19, 58, 48, tzinfo=UTC)),
        ("1518033528123", datetime(2018, 2, 7, 19, 58, 48, 123000, tzinfo=UTC)),
        ("1518033528.123", datetime(2018, 2, 7, 19, 58, 48, 123000, tzinfo=UTC)),
    ],
)
def test_timestamp_in_a_form_that_firehose_documents_is_converted(
    json_value: str, moment: datetime
) -> None:
    assert value_of(f'{{"a": {json_value}}}'.encode(), "timestamp") == moment


@pytest.mark.parametrize(
    ("record", "hive_type"),
    [
        (b'{"a": "x"}', "int"),
        (b'{"a": 1.5}', "int"),
        (b'{"a": true}', "int"),
        (b'{"a": 2147483648}', "int"),
        (b'{"a": 128}', "tinyint"),
        (b'{"a": 1e999}', "double"),
        (b'{"a": "Infinity"}', "double"),
        (b'{"a": 1}', "boolean"),
        (b'{"a": "2017-02-07T15:13:01+02:00"}', "timestamp"),
        (b'{"a": "2017-02-07"}', "timestamp"),
        (b'{"a": "2017-02-30T00:00:00Z"}', "timestamp"),
        (b'{"a": "07/Feb/2017"}', "timestamp"),
        (b'{"a": 20170207}', "date"),
        (b'{"a": 1.555}', "decimal(10,2)"),
        (b'{"a": 123456789}', "decimal(10,2)"),
        (b'{"a": "\\ud800"}', "string"),
        (b'[{"a": 1}]', "int"),
        (b"1", "int"),
        (b"", "int"),
        (b" \n", "int"),
        (b'{"a": 1}{"a": "x"}', "int"),
    ],
)
def test_value_that_does_not_fit_its_column_is_malformed_data(
    record: bytes, hive_type: str
) -> None:
    assert error_of(record, hive_type) == MALFORMED


@pytest.mark.parametrize(
    "record",
    [
        b"nope",
        b'{"a": 1',
        b'{"a": 1} x',
        b'{"a": 1},{"a": 2}',
        b'{"a": NaN}',
        b'{"b": -Infinity}',
        b'{"a": 01}',
        b'{"b": "line\nbreak"}',
        b'{"b": "\xff"}',
        b'{"b":' * 100_000 + b"1" + b"}" * 100_000,
        b"[" * 100_000,
    ],
)
def test_record_that_is_no_json_is_a_parse_error(record: bytes) -> None:
    assert error_of(record, "double") == PARSE_ERROR


def test_records_that_are_json_only_when_joined_are_parse_errors() -> None:
    converted = convert([b'{"a":', b"1}", b'{"a": 2}'], RowFormat(columns=(("a", "int"),)))

    assert converted.rows.to_pylist() == [{"a": 2}]
    assert [index for index, _ in converted.failures] == [0, 1]


def test_every_object_of_a_record_becomes_a_row() -> None:
    converted = convert([b'{"a": 1}{"a": 2}\n{"a": 3}'], RowFormat(columns=(("a", "int"),)))

    assert converted.rows.column("a").to_pylist() == [1, 2, 3]


def test_keys_match_columns_in_any_case_by_default() -> None:
    converted = convert(
        [b'{"Status": 1}', b'{"STATUS": 2}'], RowFormat(columns=(("status", "int"),))
    )

    assert converted.rows.column("status").to_pylist() == [1, 2]


def test_keys_match_columns_exactly_when_case_matters() -> None:
    row_format = RowFormat(columns=(("status", "int"),), case_insensitive=False)

    converted = convert([b'{"Status": 1}', b'{"status": 2}'], row_format)

    assert converted.rows.column("status").to_pylist() == [None, 2]


def test_options_of_the_openx_serde_rename_keys() -> None:
    row_format = RowFormat(
        columns=(("a_b", "int"), ("time", "int")),
        dots_to_underscores=True,
        key_mappings=(("time", "ts"),),
    )

    assert convert([b'{"a.b": 1, "ts": 2}'], row_format).rows.to_pylist() == [{"a_b": 1, "time": 2}]


def test_bad_records_are_told_from_thousands_of_good_ones_and_order_is_kept() -> None:
    records = [b'{"a": %d}' % number for number in range(10_000)]
    for index in (0, 17, 1_999, 2_000, 9_999):
        records[index] = b'{"a": "bad"}'

    converted = convert(records, RowFormat(columns=(("a", "int"),)))

    assert [index for index, _ in converted.failures] == [0, 17, 1_999, 2_000, 9_999]
    rows = converted.rows.column("a").to_pylist()
    assert len(rows) == 9_995
    assert rows == sorted(rows)


def test_column_of_a_type_that_is_not_supported_fails_the_whole_batch() -> None:
    with pytest.raises(ConversionError) as failure:
        convert([b'{"a": [1]}'], RowFormat(columns=(("a", "array<int>"),)))

    assert failure.value.code == "DataFormatConversion.ConversionFailureException"
