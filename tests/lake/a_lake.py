"""A small lake in a folder: raw objects, and Iceberg tables in a catalog of moto's."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem, SubTreeFileSystem
from pyiceberg.catalog.glue import GlueCatalog

from tidelake.contract.lake import LEDGER_TABLE, QUARANTINE_TABLE
from tidelake.lake.files import LakeFiles
from tidelake.lake.observed import arrival_hour
from tidelake.lake.tables import CuratedTables

BUCKET = "lake"
DATABASE = "streaming_db"
TIME = pa.timestamp("us", tz="UTC")
COMMITTED = datetime(2026, 11, 22, 12, tzinfo=UTC)

LEDGER_SCHEMA = pa.schema(
    {
        "batch_id": pa.string(),
        "raw_object": pa.string(),
        "raw_hour": TIME,
        "status": pa.string(),
        "reason": pa.string(),
        "read": pa.int64(),
        "events": pa.int64(),
        "duplicates": pa.int64(),
        "quarantined": pa.int64(),
        "committed_at": TIME,
    }
)
QUARANTINE_SCHEMA = pa.schema(
    {
        "batch_id": pa.string(),
        "raw_object": pa.string(),
        "raw_hour": TIME,
        "row_index": pa.int64(),
        "reason": pa.string(),
        "payload": pa.string(),
        "quarantined_at": TIME,
    }
)
EVENT_SCHEMA = pa.schema(
    {
        "event_id": pa.string(),
        "status": pa.int32(),
        "first_object": pa.string(),
        "raw_hour": TIME,
    }
)


def key_of(name: str, hour: int) -> str:
    return f"streaming-data/year=2026/month=11/day=22/hour={hour:02d}/{name}.parquet"


def uri_of(name: str, hour: int) -> str:
    return f"s3://{BUCKET}/{key_of(name, hour)}"


@dataclass(frozen=True)
class ALake:
    """What a test puts into it is all that it holds."""

    files: LakeFiles
    tables: CuratedTables
    folder: Path

    def put_raw(self, name: str, hour: int, ids: Sequence[str]) -> None:
        body = io.BytesIO()
        pq.write_table(pa.table({"event_id": pa.array(ids, pa.string())}), body)
        self.files.write(key_of(name, hour), body.getvalue())

    def put_ledger(
        self,
        uri: str,
        read: int,
        events: int,
        duplicates: int = 0,
        quarantined: int = 0,
        *,
        batch: str = "b1",
        status: str = "read",
        committed_at: datetime = COMMITTED,
    ) -> None:
        row = {
            "batch_id": batch,
            "raw_object": uri,
            "raw_hour": arrival_hour(uri),
            "status": status,
            "reason": None,
            "read": read,
            "events": events,
            "duplicates": duplicates,
            "quarantined": quarantined,
            "committed_at": committed_at,
        }
        self.append(LEDGER_TABLE, LEDGER_SCHEMA, [row])

    def put_events(self, uri: str, ids: Sequence[str], *, hour: datetime | None = None) -> None:
        raw_hour = arrival_hour(uri) if hour is None else hour
        rows = [
            {"event_id": i, "status": 200, "first_object": uri, "raw_hour": raw_hour} for i in ids
        ]
        self.append("web_access", EVENT_SCHEMA, rows)

    def put_quarantined(
        self, uri: str, place: int, event: dict[str, object], *, reason: str = "status: missing"
    ) -> None:
        row = {
            "batch_id": "b1",
            "raw_object": uri,
            "raw_hour": arrival_hour(uri),
            "row_index": place,
            "reason": reason,
            "payload": json.dumps(event),
            "quarantined_at": COMMITTED,
        }
        self.append(QUARANTINE_TABLE, QUARANTINE_SCHEMA, [row])

    def append(self, table: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
        name = (DATABASE, table)
        location = (self.folder / "tables" / table).as_uri()
        iceberg = self.tables.catalog.create_table_if_not_exists(name, schema, location=location)
        iceberg.append(pa.Table.from_pylist(rows, schema))

    def delete(self, table: str, where: str) -> None:
        self.tables.catalog.load_table((DATABASE, table)).delete(where)


def a_lake(folder: Path) -> ALake:
    """An empty one; moto must be on."""
    glue = boto3.client("glue", region_name="us-east-1")
    catalog = GlueCatalog("lake", client=glue)
    catalog.create_namespace(DATABASE)
    local = PyFileSystem(FSSpecHandler(LocalFileSystem(auto_mkdir=True)))
    files = LakeFiles(SubTreeFileSystem(str(folder / "objects"), local), BUCKET)
    return ALake(files, CuratedTables(catalog, DATABASE), folder)
