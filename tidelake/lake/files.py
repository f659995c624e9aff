"""The objects of a lake: listed, read and written by their keys, local or on AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType
from pyarrow.parquet import ParquetFile

OBJECT_SCHEMES = ("s3://", "s3a://", "s3n://")


@dataclass(frozen=True)
class LakeFiles:
    """The lake's bucket on a file system whose paths are `BUCKET/KEY`.

    Everything raises OSError where the store does, FileNotFoundError for an object that is gone.
    """

    system: FileSystem
    bucket: str

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def sizes(self, prefix: str) -> dict[str, int]:
        """Key -> bytes of every object below a prefix, in the order of the keys."""
        selector = FileSelector(self._path(prefix), recursive=True, allow_not_found=True)
        found = self.system.get_file_info(selector)
        start = len(self.bucket) + 1
        return {
            info.path[start:]: info.size
            for info in sorted(found, key=lambda info: info.path)
            if info.type is FileType.File
        }

    def read(self, key: str) -> bytes:
        with self.system.open_input_file(self._path(key)) as source:
            content: bytes = source.read()
        return content

    def write(self, key: str, content: bytes) -> None:
        """Put an object in one piece: a reader sees all of it or what was there before."""
        with self.system.open_output_stream(self._path(key)) as target:
            target.write(content)

    def rows(self, uri: str) -> int:
        """The rows of a Parquet object by its footer. Raises ArrowInvalid if it is none."""
        count: int = self._parquet(uri, lambda file: file.metadata.num_rows)
        return count

    def column(self, uri: str, name: str) -> Any:
        """One column of a Parquet object, as an Arrow array in chunks.

        Raises ArrowInvalid if it is no readable Parquet, KeyError if it has no such column.
        """
        return self._parquet(uri, lambda file: file.read(columns=[name]).column(name))

    def _parquet(self, uri: str, read: Callable[[ParquetFile], Any]) -> Any:
        path = _path_of(uri)
        try:
            with self.system.open_input_file(path) as source:
                return read(ParquetFile(source))
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowNotImplementedError):
            # Arrow says so of damaged content as of a store that fails. Once the content is here,
            # only the first can be.
            with self.system.open_input_file(path) as source:
                content = source.read()
        try:
            return read(ParquetFile(pa.BufferReader(content)))
        except (OSError, pa.ArrowNotImplementedError) as error:
            raise pa.ArrowInvalid(str(error)) from error

    def _path(self, key: str) -> str:
        return f"{self.bucket}/{key}".rstrip("/")


def plain_uri(uri: str) -> str:
    """An object's URI with the one scheme that the lake uses: Hadoop has several for S3."""
    for scheme in OBJECT_SCHEMES:
        if uri.startswith(scheme):
            return f"s3://{uri.removeprefix(scheme)}"
    return uri


def _path_of(uri: str) -> str:
    return plain_uri(uri).removeprefix("s3://")
