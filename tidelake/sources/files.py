"""Lines of a file, plain or gzip, each with its number and its place in the uncompressed bytes."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tidelake.contract.errors import InputError

MAX_LINE_BYTES = 1024 * 1024
"""Longer lines are cut here and marked: no record of a data stream could carry them."""

GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 256 * 1024
UTF8_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line without its line ending (LF or CRLF).

    `number` counts from 1; `offset` is that of the first byte in the uncompressed input.
    `content` holds at most MAX_LINE_BYTES; `oversize` says that the rest was passed over.
    """

    number: int
    offset: int
    content: bytes
    oversize: bool


def read_lines(path: Path) -> Iterator[Line]:
    """Yield every line of a regular file, also a last one without a line ending.

    Gzip is recognised by its first bytes, whatever the name. Memory stays bounded by
    MAX_LINE_BYTES. A byte order mark is passed over and counts in the offsets.

    Raises InputError, before the first line or where reading stops, if the file is missing, a
    directory, no regular file, unreadable, empty, or broken gzip.
    """
    try:
        if path.is_dir():
            raise InputError(f"input {str(path)!r} is a directory; allowed: a file")
        if path.exists() and not path.is_file():
            raise InputError(f"input {str(path)!r} is no regular file; allowed: a file")
        with io.BufferedReader(io.FileIO(path), _BUFFER_BYTES) as plain:
            yield from _lines(plain, str(path))
    except FileNotFoundError:
        raise InputError(f"input {str(path)!r} does not exist; allowed: a file") from None
    except OSError as error:
        raise InputError(f"input {str(path)!r} cannot be read: {error.strerror}") from error


def read_standard_input() -> Iterator[Line]:
    """As `read_lines`. A line is given when it is whole, without waiting for a buffer to fill."""
    try:
        with io.BufferedReader(io.FileIO(0, closefd=False), _BUFFER_BYTES) as plain:
            yield from _lines(plain, "standard input")
    except OSError as error:
        raise InputError(f"standard input cannot be read: {error.strerror}") from error


def _lines(plain: io.BufferedReader[io.FileIO], name: str) -> Iterator[Line]:
    number = 0
    try:
        with _unzipped(plain) as stream:
            for line in _split(stream):
                number = line.number
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"input {name!r} is broken gzip: {error}") from error
    if number == 0:
        raise InputError(f"input {name!r} is empty; allowed: a file with at least 1 line")


@contextmanager
def _unzipped(plain: io.BufferedReader[io.FileIO]) -> Iterator[io.BufferedIOBase]:
    if plain.peek(2)[:2] != GZIP_MAGIC:
        yield plain
    else:
        with gzip.open(plain) as unzipped:
            # A larger buffer than gzip's own makes its short reads rare.
            yield io.BufferedReader(unzipped, _BUFFER_BYTES)


def _split(stream: io.BufferedIOBase) -> Iterator[Line]:
    # Two more than the longest line: it may end in CRLF.
    limit = MAX_LINE_BYTES + 2
    number = 0
    offset = 0
    while raw := stream.readline(limit):
        size = len(raw)
        start = offset
        if number == 0 and raw.startswith(UTF8_BOM):
            start += len(UTF8_BOM)
            raw = raw[len(UTF8_BOM) :]
        if size == limit and not raw.endswith(b"\n"):
            size += _pass_over_line(stream, limit)
        content = raw.removesuffix(b"\n").removesuffix(b"\r")
        oversize = len(content) > MAX_LINE_BYTES
        number += 1
        yield Line(number, start, content[:MAX_LINE_BYTES] if oversize else content, oversize)
        offset += size


def _pass_over_line(stream: io.BufferedIOBase, limit: int) -> int:
    """Read to the end of the line that `stream` stands in; return how many bytes that were."""
    passed = 0
    while part := stream.readline(limit):
        passed += len(part)
        if part.endswith(b"\n"):
            break
    return passed
