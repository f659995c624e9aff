from __future__ import annotations

import hashlib

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from hypothesis import given
from hypothesis import strategies as st

from tidelake.contract.deaggregation import MAGIC, deaggregate


def sealed(message: bytes) -> bytes:
    return MAGIC + message + hashlib.md5(message).digest()  # noqa: S324  KPL's own checksum


def aggregated(*records: tuple[str, bytes]) -> bytes:
    """The records as the Kinesis Aggregation Library of AWS packs them."""
    aggregator = RecordAggregator()
    for key, data in records:
        aggregator.add_user_record(key, data)
    packed: bytes = aggregator.clear_and_get().get_contents()[2]
    return packed


@given(st.lists(st.tuples(st.text(min_size=1, max_size=300), st.binary(max_size=400)), min_size=1))
def test_what_the_library_of_aws_packs_comes_out_whole_and_in_order(
    records: list[tuple[str, bytes]],
) -> None:
    assert deaggregate(aggregated(*records)) == [(data, key) for key, data in records]


@pytest.mark.parametrize("size", [0, 1, 119, 127, 128, 16_376, 16_383, 16_384, 300_000])
def test_records_of_every_length_come_out(size: int) -> None:
    assert deaggregate(aggregated(("key", b"x" * size))) == [(b"x" * size, "key")]


def test_more_than_127_keys_are_told_apart() -> None:
    records = [(f"key-{number}", b"%d" % number) for number in range(300)]
    assert deaggregate(aggregated(*records)) == [(data, key) for key, data in records]


def test_fields_in_any_order_unknown_fields_and_tags_are_read_past() -> None:
    record = b"\x22\x02\x08\x01" + b"\x1a\x04data" + b"\x08\x00"  # tag, data, index
    unknown = b"\x28\x07" + b"\x31" + bytes(8) + b"\x3d" + bytes(4) + b"\x42\x01x"
    message = b"\x0a\x03key" + unknown + b"\x1a" + bytes([len(record)]) + record
    assert deaggregate(sealed(message)) == [(b"data", "key")]


def test_a_last_record_with_its_data_before_its_key_is_read() -> None:
    message = b"\x0a\x03key" + b"\x1a\x05" + b"\x1a\x01\x10" + b"\x08\x00"
    assert deaggregate(sealed(message)) == [(b"\x10", "key")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"event_id": "1"}',
        MAGIC,
        MAGIC + b"too short",
        aggregated(("key", b"data"))[:-1] + b"\x00",
        aggregated(("key", b"data"))[:-1],
        sealed(b""),
        sealed(b"\x0a\x03key"),
        sealed(b"\x0a\x7fkey"),
        sealed(b"\x0a\x03key\x1a\x08\x08\x00\x1a\x04da"),
        sealed(b"\x0a\x03key\x1a\x08\x08\x01\x1a\x04data"),
        sealed(b"\x0a\x03key\x1a\x08\x08\x00\x1a\x7fdata"),
        sealed(b"\x0a\x01\xff\x1a\x08\x08\x00\x1a\x04data"),
        sealed(b"\x0a\x03key\x1a\x06\x1a\x04data"),
        sealed(b"\xff" * 20),
        sealed(b"\x0b\x0c"),
    ],
)
def test_a_wrong_checksum_or_message_is_a_plain_record(data: bytes) -> None:
    assert deaggregate(data) is None


@given(st.binary(max_size=60))
def test_any_sealed_bytes_are_records_or_plain(message: bytes) -> None:
    records = deaggregate(sealed(message))
    assert records is None or all(isinstance(key, str) for _, key in records)
