"""Aggregated records, packed by the library of AWS."""

from __future__ import annotations

from aws_kinesis_agg.aggregator import RecordAggregator


def packed(*blobs: bytes, key: str = "k") -> bytes:
    """One record that holds the blobs, all under one partition key."""
    aggregator = RecordAggregator()
    for blob in blobs:
        aggregator.add_user_record(key, blob)
    data: bytes = aggregator.clear_and_get().get_contents()[2]
    return data
