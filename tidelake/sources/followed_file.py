"""One file that grows, and what becomes of it: renamed, copied and emptied, or compressed."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from tidelake.sources.files import GZIP_MAGIC, MAX_LINE_BYTES, UTF8_BOM, Line
from tidelake.sources.positions import FileMark, fingerprint

_LIMIT = MAX_LINE_BYTES + 2
"""Two more than the longest line: it may end in CRLF."""


class FollowedFile:
    """Reads whole lines as they come. `committed_*` is what is safe of what was read."""

    def __init__(self, path: Path, *, offset: int = 0, lines: int = 0) -> None:
        """Raises OSError if the file cannot be read."""
        self.path = path
        self.offset = self.committed_offset = offset
        self.lines = self.committed_lines = lines
        self._stream = _open(path)
        found = os.fstat(self._stream.fileno())
        self.identity = (found.st_dev, found.st_ino)
        self._scanned = 0
        self._first_line: bytes | None = None
        self._seen = (offset, lines, self._fingerprint(offset))
        self._mark: FileMark | None = None

    @classmethod
    def open(cls, path: Path, mark: FileMark | None = None) -> FollowedFile | None:
        """The file, from its mark on; None if it is gone, or is not the one of the mark."""
        try:
            if mark is None:
                return cls(path)
            file = cls(path, offset=mark.offset, lines=mark.lines)
            is_marked = file._fingerprint(mark.offset) == mark.fingerprint
        except (OSError, EOFError, zlib.error):
            return None
        # Nothing stands before a mark at the start: the inode alone tells whose it is.
        if is_marked and (mark.offset or file.identity == (mark.device, mark.inode)):
            return file
        file.close()
        return None

    @property
    def first_line(self) -> bytes:
        """The first line, which stands for the file in the ids of its events."""
        if self._first_line is None:
            self._stream.seek(0)
            raw = self._stream.readline(_LIMIT).removeprefix(UTF8_BOM)
            self._first_line = _without_ending(raw)[:MAX_LINE_BYTES]
        return self._first_line

    @property
    def is_committed(self) -> bool:
        """Whether everything that was read is safe."""
        return self.committed_offset == self.offset

    def was_emptied(self) -> bool:
        """Whether the bytes that were read are no longer there: truncated, and maybe grown anew."""
        offset, _, seen = self._seen
        return self._fingerprint(offset) != seen

    def continue_in(self, copy: FollowedFile) -> None:
        """Read on in a copy that was found by `last_seen`: this file's bytes are gone."""
        self._stream.close()
        self._stream, self.identity, self._mark = copy._stream, copy.identity, None
        self.offset, self.lines, self._seen = copy.offset, copy.lines, copy._seen

    def last_seen(self) -> FileMark:
        """The mark of what was read, safe or not."""
        return self._mark_at(*self._seen)

    def mark(self) -> FileMark | None:
        """Where a later process goes on. If the file was emptied meanwhile, it is the last one."""
        offset = self.committed_offset
        is_new = self._mark is None or self._mark.offset != offset
        if is_new and not self.was_emptied():
            self._mark = self._mark_at(offset, self.committed_lines, self._fingerprint(offset))
        return self._mark

    def read(self, most_bytes: int, *, to_the_end: bool = False) -> Iterator[Line]:
        """Yield the whole lines that came, some `most_bytes`; at its end also a last broken one."""
        stop = self.offset + most_bytes
        try:
            while self.offset < stop:
                line = self._next_line(to_the_end=to_the_end)
                if line is None:
                    break
                yield line
        finally:
            if self.offset != self._seen[0]:
                self._note_seen()

    def _note_seen(self) -> None:
        seen = self._fingerprint(self.offset)
        # None where the file was emptied this very moment: what was seen before finds its copy.
        if seen is not None:
            self._seen = (self.offset, self.lines, seen)

    def _mark_at(self, offset: int, lines: int, seen: str | None) -> FileMark:
        device, inode = self.identity
        return FileMark(
            path=str(self.path), device=device, inode=inode, offset=offset, lines=lines,
            fingerprint=str(seen),
        )  # fmt: skip

    def _fingerprint(self, offset: int) -> str | None:
        return fingerprint(self._read_at, offset)

    def _read_at(self, start: int, size: int) -> bytes:
        if isinstance(self._stream, gzip.GzipFile):
            self._stream.seek(start)
            return self._stream.read(size)
        # Past the stream's buffer, which would not know of a truncation.
        return os.pread(self._stream.fileno(), size, start)

    def close(self) -> None:
        self._stream.close()

    def _next_line(self, *, to_the_end: bool) -> Line | None:
        self._stream.seek(self.offset)
        raw = self._stream.readline(_LIMIT)
        size = len(raw)
        is_whole = raw.endswith(b"\n")
        if size == _LIMIT and not is_whole:
            size, is_whole = self._scan_long_line(size)
        if not raw or not (is_whole or to_the_end):
            return None
        start = self.offset
        if start == 0 and raw.startswith(UTF8_BOM):
            start, raw = len(UTF8_BOM), raw[len(UTF8_BOM) :]
        content = _without_ending(raw)
        oversize = len(content) > MAX_LINE_BYTES
        self.lines += 1
        self.offset += size
        self._scanned = 0
        return Line(self.lines, start, content[:MAX_LINE_BYTES], oversize)

    def _scan_long_line(self, size: int) -> tuple[int, bool]:
        """The size of a line that is too long, so far, and whether it has ended; what was passed
        over is not read again while it grows."""
        size = max(size, self._scanned)
        self._stream.seek(self.offset + size)
        while part := self._stream.readline(_LIMIT):
            size += len(part)
            if part.endswith(b"\n"):
                return size, True
        self._scanned = size
        return size, False


def is_compressed(path: Path) -> bool:
    """Whether a file is gzip, by its first bytes; OSError if it cannot be read."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def find_copy(mark: FileMark) -> FollowedFile | None:
    """The file that a marked one became: beside it, under a name that begins with its own.

    `logrotate` renames `app.log` to `app.log.1`, or copies it there and empties it, and may
    compress the result; the bytes before the mark are the same in all of them.
    """
    path = Path(mark.path)
    try:
        beside = sorted(path.parent.iterdir())
    except OSError:
        return None
    for candidate in beside:
        if candidate.name.startswith(path.name) and _is_regular(candidate):
            found = FollowedFile.open(candidate, mark)
            if found is not None:
                return found
    return None


def _open(path: Path) -> io.BufferedIOBase:
    if is_compressed(path):
        return gzip.open(path)
    return path.open("rb")


def _is_regular(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _without_ending(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")
