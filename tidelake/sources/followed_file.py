"""One file that grows, and what becomes of it: renamed, copied and emptied, or compressed."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tidelake.sources.files import GZIP_MAGIC, MAX_LINE_BYTES, UTF8_BOM, Line
from tidelake.sources.positions import WINDOW_BYTES, FileMark, fingerprint

_TURN_BYTES = 256 * 1024

_LIMIT = MAX_LINE_BYTES + 2
"""Two more than the longest line: it may end in CRLF."""

_BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)


class _Seen(NamedTuple):
    """How far a file was read, and what stands at both ends of that: it is known again by them."""

    offset: int
    lines: int
    head: bytes
    tail: bytes


class FollowedFile:
    """Reads whole lines as they come. `committed_*` is what is safe of what was read."""

    def __init__(self, path: Path, *, offset: int = 0, lines: int = 0) -> None:
        """Raises OSError if the file cannot be read or is shorter than `offset`."""
        self.path = path
        self.offset = self.committed_offset = offset
        self.lines = self.committed_lines = lines
        self._stream = _open(path)
        found = os.fstat(self._stream.fileno())
        self.identity = (found.st_dev, found.st_ino)
        self._scanned = 0
        self._first_line: bytes | None = None
        self._seen = self._look(offset, lines)
        self._mark: FileMark | None = None

    @classmethod
    def open(cls, path: Path, mark: FileMark | None = None) -> FollowedFile | None:
        """The file, from its mark on; None if it is gone, or is not the one of the mark."""
        try:
            if mark is None:
                return cls(path)
            file = cls(path, offset=mark.offset, lines=mark.lines)
        except OSError:
            return None
        is_marked = file.last_seen().fingerprint == mark.fingerprint
        # Nothing stands before a mark at the start: the inode alone tells whose it is.
        if is_marked and (mark.offset or file.identity == (mark.device, mark.inode)):
            return file
        file.close()
        return None

    @property
    def first_line(self) -> bytes:
        """The first line, which stands for the file in the ids of its events."""
        if self._first_line is not None:
            return self._first_line
        first, _, _ = self._read_at(0, _LIMIT).partition(b"\n")
        return first.removeprefix(UTF8_BOM).removesuffix(b"\r")[:MAX_LINE_BYTES]

    @property
    def is_committed(self) -> bool:
        """Whether everything that was read is safe."""
        return self.committed_offset == self.offset

    def was_emptied(self) -> bool:
        """Whether the bytes that were read are no longer there: truncated, and maybe grown anew."""
        return not self._holds(self._seen)

    def continue_in(self, copy: FollowedFile) -> None:
        """Read on in a copy that was found by `last_seen`: this file's bytes are gone."""
        self._stream.close()
        self._stream, self.identity, self._mark = copy._stream, copy.identity, None
        self.offset, self.lines, self._seen = copy.offset, copy.lines, copy._seen

    def last_seen(self) -> FileMark:
        """The mark of what was read, safe or not."""
        return self._mark_at(self._seen)

    def mark(self) -> FileMark | None:
        """Where a later process goes on. If the file was emptied meanwhile, it is the last one."""
        if self._mark is None or self._mark.offset != self.committed_offset:
            try:
                committed = self._look(self.committed_offset, self.committed_lines)
            except OSError:
                return self._mark
            # Asked after the look: what was seen was still this file's.
            if not self.was_emptied():
                self._mark = self._mark_at(committed)
        return self._mark

    def read(self, *, to_the_end: bool = False) -> Iterator[Line]:
        """Yield some of the whole lines that came; or all there are, also a last broken one."""
        while turn := self._turn(to_the_end=to_the_end):
            for line, end in turn:
                self.offset, self.lines = end, line.number
                yield line
            if not to_the_end:
                return

    def close(self) -> None:
        self._stream.close()

    def _turn(self, *, to_the_end: bool) -> list[tuple[Line, int]]:
        """The lines that come next, each with the offset of its end.

        There are none if the file was emptied before all of this was read: had it grown past the
        offset by then, these bytes would begin in the middle of another file's line.
        """
        raw, size = self._next_bytes(to_the_end=to_the_end)
        if not size:
            return []
        turn = _split(raw, self.offset, self.offset + size, self.lines)
        seen = self._seen_after(raw, size, lines=len(turn))
        first_line = self.first_line
        if self.was_emptied() or not self._holds(seen):
            return []
        self._seen, self._first_line = seen, first_line
        self._scanned = 0
        return turn

    def _next_bytes(self, *, to_the_end: bool) -> tuple[bytes, int]:
        """Whole lines, and how many bytes they are: more than are here, if it is one too long."""
        raw = b""
        for most in (_TURN_BYTES, _LIMIT):
            raw = self._read_at(self.offset, most)
            whole = raw.rfind(b"\n") + 1
            if whole:
                return raw[:whole], whole
            if len(raw) < most:
                return (raw, len(raw)) if to_the_end else (b"", 0)
        size, is_whole = self._scan_long_line()
        return raw, size if is_whole or to_the_end else 0

    def _scan_long_line(self) -> tuple[int, bool]:
        """The size of a line that is too long, so far, and whether it has ended; what was passed
        over is not read again while it grows."""
        size = max(_LIMIT, self._scanned)
        while part := self._read_at(self.offset + size, _TURN_BYTES):
            end = part.find(b"\n") + 1
            if end:
                return size + end, True
            size += len(part)
        self._scanned = size
        return size, False

    def _seen_after(self, raw: bytes, size: int, *, lines: int) -> _Seen:
        offset = self.offset + size
        head = (self._seen.head + raw)[:WINDOW_BYTES]
        if size > len(raw):
            window = min(offset, WINDOW_BYTES)
            tail = self._read_at(offset - window, window)
        else:
            tail = (self._seen.tail + raw)[-WINDOW_BYTES:]
        return _Seen(offset, self.lines + lines, head, tail)

    def _look(self, offset: int, lines: int) -> _Seen:
        """What stands at both ends of the first `offset` bytes. OSError if there are fewer."""
        window = min(offset, WINDOW_BYTES)
        head, tail = self._read_at(0, window), self._read_at(offset - window, window)
        if len(head) + len(tail) < 2 * window:
            raise OSError(f"{str(self.path)!r} has fewer than {offset} bytes")
        return _Seen(offset, lines, head, tail)

    def _holds(self, seen: _Seen) -> bool:
        tail_at = seen.offset - len(seen.tail)
        return (
            self._read_at(tail_at, len(seen.tail)) == seen.tail
            and self._read_at(0, len(seen.head)) == seen.head
        )

    def _mark_at(self, seen: _Seen) -> FileMark:
        device, inode = self.identity
        return FileMark(
            path=str(self.path), device=device, inode=inode, offset=seen.offset, lines=seen.lines,
            fingerprint=fingerprint(seen.head, seen.tail),
        )  # fmt: skip

    def _read_at(self, start: int, size: int) -> bytes:
        """Bytes as they are now; fewer at the end, or where gzip is still being written."""
        if isinstance(self._stream, gzip.GzipFile):
            try:
                self._stream.seek(start)
                return self._stream.read(size)
            except _BROKEN_GZIP:
                return b""
        # Past any buffer, which would not know of a truncation.
        return os.pread(self._stream.fileno(), size, start)


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


def _split(raw: bytes, offset: int, end: int, lines: int) -> list[tuple[Line, int]]:
    """Lines of a file, the first one at `offset` and after `lines` others, each with its end.

    The last one ends at `end`: of a line that is too long, `raw` is only the beginning.
    """
    turn = []
    for number, part in enumerate(raw.removesuffix(b"\n").split(b"\n"), lines + 1):
        mark = UTF8_BOM if offset == 0 and part.startswith(UTF8_BOM) else b""
        content = part.removeprefix(mark).removesuffix(b"\r")
        oversize = len(content) > MAX_LINE_BYTES
        line = Line(number, offset + len(mark), content[:MAX_LINE_BYTES], oversize)
        offset += len(part) + 1
        turn.append((line, offset))
    turn[-1] = (turn[-1][0], end)
    return turn


def _open(path: Path) -> io.BufferedIOBase:
    if is_compressed(path):
        return gzip.open(path)
    return path.open("rb")


def _is_regular(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
