from __future__ import annotations

import pytest

from tidelake.contract.lake import (
    ERROR_DELIVERY_PREFIX,
    RAW_DELIVERY_PREFIX,
    is_raw_data,
    manifest_key,
)


@pytest.mark.parametrize(
    ("key", "size", "is_data"),
    [
        ("streaming-data/year=2026/month=01/day=02/hour=03/a.parquet", 1, True),
        ("streaming-data/year=2026/month=01/day=02/hour=03/a.parquet", 0, False),
        ("streaming-data/year=2026/", 10, False),
        ("streaming-data/a", 10, True),
        ("streaming-data/v1.2/a.PARQUET", 10, True),
        ("streaming-data/a.json", 10, False),
        ("streaming-data/a.parquet.tmp", 10, False),
        ("streaming-data/_SUCCESS", 10, False),
        ("streaming-data/year=2026/_temporary", 10, False),
        ("streaming-data/year=2026/.hidden", 10, False),
        ("streaming-errors/format-conversion-failed/a", 10, False),
        ("processed-data/a.parquet", 10, False),
        ("x/streaming-data/a.parquet", 10, False),
    ],
)
def test_only_objects_with_data_in_the_raw_zone_count(key: str, size: int, is_data: bool) -> None:
    assert is_raw_data(key, size) is is_data


def test_firehose_is_told_the_partitions_of_the_arrival_hour() -> None:
    assert RAW_DELIVERY_PREFIX == (
        "streaming-data/year=!{timestamp:yyyy}/month=!{timestamp:MM}"
        "/day=!{timestamp:dd}/hour=!{timestamp:HH}/"
    )
    assert ERROR_DELIVERY_PREFIX == "streaming-errors/!{firehose:error-output-type}/"


def test_a_manifest_lies_under_its_batch() -> None:
    assert manifest_key("abc") == "manifests/abc.json"
