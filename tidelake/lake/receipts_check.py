"""Whether each accepted event arrived: receipts against the raw zone and what failed to convert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa

from tidelake.contract.errors import InputError
from tidelake.lake.files import LakeFiles
from tidelake.lake.observed import Period, raw_objects
from tidelake.lake.replay import event_id
from tidelake.lake.set_aside import Markers, SetAside, failed_records

EXAMPLES = 10
_CHUNK = 100_000


@dataclass(frozen=True, kw_only=True)
class ReceiptCheck:
    """Distinct accepted ids = in the raw zone + failed to convert, not replayed + missing.

    `examples` are the first of the missing ids.
    """

    accepted: int
    raw: int
    failed: int
    missing: int
    examples: tuple[str, ...]


def check_receipts(receipts: Path, files: LakeFiles) -> ReceiptCheck:
    """Compare the accepted ids of a receipts file, one a line, with the whole raw zone.

    Raises InputError when the file cannot be read or holds no id.
    """
    with duckdb.connect() as engine:
        _insert(engine, "accepted", _lines(receipts))
        _insert(engine, "raw", _raw_ids(files))
        _insert(engine, "failed", _failed_ids(files))
        engine.execute(
            "CREATE TABLE places AS SELECT id, id IN (FROM raw) AS in_raw, "
            "id IN (FROM failed) AS in_failed FROM (SELECT DISTINCT id FROM accepted)"
        )
        counts = engine.execute(
            "SELECT count(*), count_if(in_raw), count_if(in_failed AND NOT in_raw), "
            "count_if(NOT in_raw AND NOT in_failed) FROM places"
        ).fetchone()
        missing = engine.execute(
            "SELECT id FROM places WHERE NOT in_raw AND NOT in_failed ORDER BY id LIMIT ?",
            [EXAMPLES],
        ).fetchall()
    accepted, raw, failed, lost = counts if counts is not None else (0, 0, 0, 0)
    if not accepted:
        raise InputError(f"the receipts {receipts} hold no event id; allowed: one a line")
    return ReceiptCheck(
        accepted=accepted,
        raw=raw,
        failed=failed,
        missing=lost,
        examples=tuple(found for (found,) in missing),
    )


def unreplayed(records: Iterable[SetAside], markers: Markers) -> Iterator[SetAside]:
    """Those records that no replay put back."""
    replayed: dict[str, frozenset[int]] = {}
    for record in records:
        if record.uri not in replayed:
            replayed[record.uri] = markers.replayed(record.uri)
        if record.place not in replayed[record.uri]:
            yield record


def _insert(engine: duckdb.DuckDBPyConnection, table: str, ids: Iterable[str]) -> None:
    engine.execute(f"CREATE TABLE {table} (id VARCHAR)")
    remaining = iter(ids)
    while chunk := list(islice(remaining, _CHUNK)):
        engine.register("arriving", pa.table({"id": pa.array(chunk, pa.string())}))
        engine.execute(f"INSERT INTO {table} FROM arriving")
        engine.unregister("arriving")


def _lines(receipts: Path) -> Iterator[str]:
    try:
        with receipts.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield line.strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the receipts {receipts} cannot be read: {error}") from error


def _raw_ids(files: LakeFiles) -> Iterator[str]:
    """The ids of the raw zone; an object that is no Parquet of events has none."""
    for uri in raw_objects(files, Period()):
        try:
            ids = files.column(uri, "event_id")
        except (pa.ArrowInvalid, KeyError):
            continue
        if pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type):
            yield from (found for found in ids.to_pylist() if found is not None)


def _failed_ids(files: LakeFiles) -> Iterator[str]:
    for record in unreplayed(failed_records(files), Markers(files)):
        found = None if record.raw is None else event_id(record.raw)
        if found is not None:
            yield found
