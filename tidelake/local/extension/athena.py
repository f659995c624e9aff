"""Athena over Iceberg: such a table is its current data files, without the rows that were deleted.

MiniStack reads every object below a table's location, as CSV where it knows no better. Here the
table's metadata says which Parquet files count, and DuckDB, which runs the query, leaves out what
the position deletes name (Iceberg table spec, "Position Delete Files").
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ministack.services import athena
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.types import NestedField, TimestamptzType

from tidelake.local.extension.replacing import replace_function, require_functions
from tidelake.local.settings import LocalSettings

_ORIGIN = "tidelake.origin"
_COPY = "tidelake.copy"


def install(_settings: LocalSettings) -> None:
    """Replace the one place where MiniStack turns a table's files into something to query."""
    require_functions(athena, "_materialize_table_files", "_empty_relation", "_duckdb_type")

    def relation(table_data: dict[str, Any], files: list[str]) -> str:
        if table_data.get("Parameters", {}).get("table_type", "").upper() != "ICEBERG":
            return str(of_other_tables(table_data, files))
        return iceberg_relation(table_data, files)

    of_other_tables = replace_function(athena, "_table_relation", relation)


def iceberg_relation(table_data: dict[str, Any], files: Sequence[str]) -> str:
    """SQL of an Iceberg table's current rows; times as TIMESTAMP in UTC.

    `files` are copies, in one folder, of all objects below the table's location. Raises ValueError,
    which fails the query, for a table that is deleted from in another way than by position.
    """
    origin = table_data["StorageDescriptor"]["Location"].rstrip("/") + "/"
    copy = _copy_folder(table_data, files)
    metadata = table_data["Parameters"]["metadata_location"]
    properties = {"py-io-impl": f"{__name__}.{CopiedFiles.__name__}", _ORIGIN: origin, _COPY: copy}
    table = StaticTable.from_metadata(metadata, properties)
    tasks = list(table.scan().plan_files())
    nothing = athena._empty_relation(table_data)
    if not tasks:
        return str(nothing)
    columns = ", ".join(_column(field) for field in table.schema().fields)
    # The empty relation brings the columns that no file has yet.
    rows = f"FROM {nothing} UNION ALL BY NAME {current_rows(tasks, origin, copy)}"
    return f"(FROM ({rows}) SELECT {columns})"


class CopiedFiles(PyArrowFileIO):
    """Reads the copies instead of the objects that the metadata names."""

    def new_input(self, location: str) -> PyArrowFile:
        return super().new_input(
            _copied(location, self.properties[_ORIGIN], self.properties[_COPY])
        )


def _copy_folder(table_data: dict[str, Any], files: Sequence[str]) -> str:
    """The folder that stands for the table's location."""
    metadata = urlsplit(table_data["Parameters"]["metadata_location"]).path
    location = urlsplit(table_data["StorageDescriptor"]["Location"]).path
    tail = os.path.relpath(metadata, location)
    for file in files:
        if file.endswith(f"/{tail}"):
            return file.removesuffix(tail)
    raise ValueError(f"ICEBERG_INVALID_METADATA: {tail} is not below the table's location")


def _copied(location: str, origin: str, copy: str) -> str:
    return str(Path(copy) / location.removeprefix(origin))


def current_rows(tasks: Sequence[FileScanTask], origin: str, copy: str) -> str:
    """The rows of the data files, but for those whose place a delete file names."""
    data = _list(_copied(task.file.file_path, origin, copy) for task in tasks)
    deletes = {delete.file_path: delete for task in tasks for delete in task.delete_files}
    source = (
        f"FROM read_parquet({data}, union_by_name = true, hive_partitioning = false, "
        "filename = 'iceberg_file', file_row_number = true)"
    )
    if not deletes:
        return source
    for delete in deletes.values():
        is_position = delete.content is DataFileContent.POSITION_DELETES
        if not is_position or delete.file_format is not FileFormat.PARQUET:
            raise ValueError("NOT_SUPPORTED: only position deletes in Parquet can be read here")
    places = _list(_copied(path, origin, copy) for path in deletes)
    deleted_in = f"replace(deleted.file_path, {_text(origin)}, {_text(copy)})"
    return (
        f"FROM ({source}) AS live ANTI JOIN read_parquet({places}, "
        f"hive_partitioning = false) AS deleted ON live.iceberg_file = {deleted_in} "
        "AND live.file_row_number = deleted.pos"
    )


def _column(field: NestedField) -> str:
    name = '"' + field.name.replace('"', '""') + '"'
    if isinstance(field.field_type, TimestamptzType):
        return f"CAST({name} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS {name}"
    return name


def _list(paths: Iterable[str]) -> str:
    return "[" + ", ".join(_text(path) for path in sorted(paths)) + "]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
