"""The objects of a lake: listed, read and written by their keys, local or on AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet
from pyarrow.fs import FileSelector, FileSystem, FileType

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
        with self.system.open_input_file(_path_of(uri)) as source:
            count: int = pyarrow.parquet.ParquetFile(source).metadata.num_rows
        return count

    def column(self, uri: str, name: str) -> Any:
        """One column of a Parquet object, as an Arrow array in chunks."""
        with self.system.open_input_file(_path_of(uri)) as source:
            return pyarrow.parquet.ParquetFile(source).read(columns=[name]).column(name)

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
