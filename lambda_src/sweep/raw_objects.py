"""The raw zone by the hour in which objects arrived."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tidelake.contract.lake import is_raw_data, raw_hour_prefix
from tidelake.contract.manifest import RawObject

_HOUR = timedelta(hours=1)


def arrived_objects(
    client: Any, bucket: str, *, since: datetime, until: datetime
) -> Iterator[RawObject]:
    """The latest versions of the raw objects of those hours that were written before `until`.

    Firehose's prefix has the arrival hour of an object's oldest record, so one that was put into
    an older hour, by a backfill or a person, is out of sight. `client` is a boto3 client of S3.
    """
    hour = since.replace(minute=0, second=0, microsecond=0)
    while hour <= until:
        pages = client.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=raw_hour_prefix(hour)
        )
        for page in pages:
            for entry in page.get("Versions", []):
                if not entry["IsLatest"] or entry["LastModified"] > until:
                    continue
                if is_raw_data(entry["Key"], entry["Size"]):
                    version = entry["VersionId"]
                    # What S3 lists so has no version's id in its events.
                    version = "" if version == "null" else version
                    yield RawObject(bucket, entry["Key"], version, entry["Size"])
        hour += _HOUR
