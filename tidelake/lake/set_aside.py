"""What the pipeline set aside on its way, and which of it was put back: one marker an object.

A marker lies at `replays/BUCKET/KEY.json` for the object BUCKET/KEY that records were set aside
from, and lists the places in it whose records are back on the data stream.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tidelake.contract.lake import ERROR_PREFIX, QUARANTINE_TABLE, REPLAY_PREFIX
from tidelake.lake.files import LakeFiles, plain_uri
from tidelake.lake.tables import CuratedTables


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """One record: `place` in the object `uri`, its bytes, and why it was set aside.

    Places count from 0: lines of an object of `streaming-errors/`, rows of a raw object. `raw` is
    None where the record itself is not to be had.
    """

    uri: str
    place: int
    raw: bytes | None
    reason: str
    at: datetime


_UNKNOWN_TIME = datetime.max.replace(tzinfo=UTC)
"""Of what says no time: within any period that is asked for, so that it is counted."""


class Markers:
    """Remembers which records were put back."""

    def __init__(self, files: LakeFiles) -> None:
        self._files = files
        self._there = frozenset(files.sizes(REPLAY_PREFIX))

    def replayed(self, uri: str) -> frozenset[int]:
        """The places in an object whose records were put back."""
        key = _marker_key(uri)
        if key not in self._there:
            return frozenset()
        return frozenset(json.loads(self._files.read(key))["places"])

    def add(self, uri: str, places: Iterable[int]) -> None:
        """Remember more of them."""
        key = _marker_key(uri)
        marker = {"object": uri, "places": sorted(self.replayed(uri) | set(places))}
        self._files.write(key, json.dumps(marker).encode())
        self._there |= {key}


def _marker_key(uri: str) -> str:
    return f"{REPLAY_PREFIX}{plain_uri(uri).removeprefix('s3://')}.json"


def failed_records(files: LakeFiles, since: datetime | None = None) -> Iterator[SetAside]:
    """The records of `streaming-errors/`, an object after the other.

    Firehose writes a JSON object a line, with the record in base64 under `rawData`, whatever
    failed: "Handling errors for data format conversion" and "Handle failure in data
    transformation" of its developer guide.
    """
    for key in files.sizes(ERROR_PREFIX):
        for place, line in enumerate(files.read(key).splitlines()):
            if line.strip():
                record = _failed_record(files.uri(key), place, line)
                if since is None or record.at >= since:
                    yield record


def _failed_record(uri: str, place: int, line: bytes) -> SetAside:
    """A line of the zone; one that Firehose did not write keeps no other from being replayed."""
    try:
        document = json.loads(line)
        code = document.get("lastErrorCode", document.get("errorCode", "unknown"))
        at = datetime.fromtimestamp(int(document.get("arrivalTimestamp", 0)) / 1000, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return SetAside(uri=uri, place=place, raw=None, reason="unreadable", at=_UNKNOWN_TIME)
    try:
        raw = base64.b64decode(document["rawData"], validate=True)
    except (KeyError, ValueError, TypeError):
        raw = None
    return SetAside(uri=uri, place=place, raw=raw, reason=str(code), at=at)


def quarantined_rows(tables: CuratedTables, since: datetime | None = None) -> Iterator[SetAside]:
    """The rows of the quarantine, in a stream, without the objects that were set aside whole."""
    if QUARANTINE_TABLE not in tables.names():
        return
    where = "row_index is not null"
    if since is not None:
        where += f" and quarantined_at >= '{since.isoformat()}'"
    columns = ("raw_object", "row_index", "payload", "reason", "quarantined_at")
    for batch in tables.read(QUARANTINE_TABLE, columns, where):
        for row in batch.to_pylist():
            payload = row["payload"]
            yield SetAside(
                uri=plain_uri(row["raw_object"]),
                place=row["row_index"],
                raw=None if payload is None else payload.encode(),
                reason=row["reason"],
                at=row["quarantined_at"],
            )
