"""The spool: accepted events on the disk until they are settled, so that no crash loses one.

A spool is a folder of segments. A segment is a file of frames, and a frame is one event:

    mark      4 bytes  89 'T' 'L' 'S'
    length    4 bytes  of the body, big-endian
    checksum  4 bytes  CRC-32 of the body
    body               4 bytes length of the source, 4 bytes length of the key, source, key, event

What was being written when a machine died fails its checksum; reading goes on at the next mark, so
that a damaged place takes no other event down.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tidelake.contract.errors import ConfigurationError, DeliveryError

SEGMENT_BYTES = 4 * 1024 * 1024
"""A segment goes when the last of its events is settled, so this bounds what is sent twice after a
crash."""

_COMMIT_SECONDS = 0.01
"""How long events for which nobody waits may gather before they are synced."""

_MARK = b"\x89TLS"
_HEAD = struct.Struct(">4sII")
_LENGTHS = struct.Struct(">II")


class SpooledEvent(NamedTuple):
    """What the spool keeps of an event: its JSON, partition key and source."""

    data: bytes
    key: str
    source: str


@dataclass(slots=True, eq=False)
class Segment:
    """A file of the spool, and how many of its events are not settled."""

    path: Path
    size: int = 0
    unsettled: int = 0
    damaged: bool = False


class Spool:
    """Events by `append`, on the disk once `wait_committed` returned; gone once all are settled.

    A thread syncs what was appended meanwhile with one fsync (group commit). `lock` guards all
    methods but `wait_committed` and `close`: whoever calls them holds it. One process at a time.
    """

    def __init__(
        self, folder: Path, *, lock: threading.Lock, on_commit: Callable[[int], None]
    ) -> None:
        """Open, or create, the folder.

        `on_commit(number)` is called, with the lock held, when the first `number` events that were
        ever appended are on the disk. Raises ConfigurationError if the folder cannot be written or
        another process uses it.
        """
        self.folder = folder
        self.damaged_bytes = 0
        """What `recover` could not read."""
        self._on_commit = on_commit
        self._changed = threading.Condition(lock)
        self.appended = 0
        """How many events were ever appended: a number for `wait_committed`."""
        self._committed = 0
        self._waiting = 0
        self._pending: list[bytes] = []
        self._failure: DeliveryError | None = None
        self._closed = False
        self._file = -1
        self._lock_file = _take(folder)
        self._old = [Segment(path) for path in sorted(folder.glob("[0-9]*.segment"))]
        self._next_number = int(self._old[-1].path.stem) + 1 if self._old else 1
        self._current = self._new_segment()
        self._thread = threading.Thread(target=self._run, name="tidelake-spool", daemon=True)
        self._thread.start()

    def recover(self) -> Iterator[tuple[SpooledEvent, Segment]]:
        """What earlier runs left, oldest first. Needs no lock; settle what it yields, each once.

        A segment goes once it was read to its end and its last event is settled; a damaged one is
        kept under another name. Raises DeliveryError if a segment cannot be read.
        """
        while self._old:
            segment = self._old[0]
            try:
                content = segment.path.read_bytes()
            except OSError as error:
                raise DeliveryError(
                    f"spool segment {str(segment.path)!r} cannot be read: {error.strerror}"
                ) from error
            sound_bytes = 0
            # One more than its events, so that it stays until it was read to its end.
            segment.unsettled = 1
            for event, size in read_frames(content):
                sound_bytes += size
                with self._changed:
                    segment.unsettled += 1
                yield event, segment
            segment.damaged = sound_bytes < len(content)
            self.damaged_bytes += len(content) - sound_bytes
            self._old.pop(0)
            with self._changed:
                self.settle(segment)

    def append(self, event: SpooledEvent) -> Segment:
        """Take an event; the segment returned is for `settle`. Raises DeliveryError if broken."""
        if self._failure is not None:
            raise self._failure
        self._pending.append(frame(event))
        self.appended += 1
        self._current.unsettled += 1
        if len(self._pending) == 1:
            self._changed.notify_all()
        return self._current

    def settle(self, segment: Segment) -> None:
        """One event of a segment needs to be kept no longer."""
        segment.unsettled -= 1
        if segment.unsettled == 0 and segment is not self._current:
            self._remove(segment)

    def wait_committed(self, number: int) -> None:
        """Return when the first `number` events that were appended are on the disk.

        Raises DeliveryError if they cannot be written, as on a full disk.
        """
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            try:
                while self._committed < number:
                    if self._failure is not None:
                        raise self._failure
                    self._changed.wait()
            finally:
                self._waiting -= 1

    def keep(self, events: Iterable[SpooledEvent]) -> None:
        """Keep exactly these for the next run, in place of all that lies here, and close.

        Segments of earlier runs that were not recovered stay as they are. Needs no lock. Raises
        DeliveryError, with everything left as it is, if they cannot be written.
        """
        self._stop()
        try:
            kept = {segment.path for segment in self._old}
            frames = [frame(event) for event in events]
            if frames:
                rest = self._new_segment()
                kept.add(rest.path)
                self._open(rest)
                self._write(rest, frames)
            for path in self.folder.glob("*.segment"):
                if path not in kept:
                    path.unlink()
            self._sync_folder()
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self._close_file()
            os.close(self._lock_file)

    def _stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        """The thread: sync what was appended meanwhile, again and again, until closed."""
        while True:
            with self._changed:
                while not self._pending and not self._closed:
                    self._changed.wait()
                if not self._waiting and not self._closed:
                    self._changed.wait(_COMMIT_SECONDS)
                if not self._pending:
                    return
                frames, self._pending = self._pending, []
                number, segment = self.appended, self._current
                # It stays while it is being written, whatever is settled meanwhile.
                segment.unsettled += 1
                if segment.size >= SEGMENT_BYTES:
                    self._current = self._new_segment()
            try:
                if segment.size == 0:
                    self._open(segment)
                self._write(segment, frames)
            except OSError as error:
                with self._changed:
                    self._failure = self._broken(error)
                    self._changed.notify_all()
                return
            with self._changed:
                self._committed = number
                self.settle(segment)
                self._on_commit(number)
                self._changed.notify_all()

    def _new_segment(self) -> Segment:
        segment = Segment(self.folder / f"{self._next_number:010d}.segment")
        self._next_number += 1
        return segment

    def _open(self, segment: Segment) -> None:
        self._close_file()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(segment.path, flags, 0o600)
        self._sync_folder()

    def _write(self, segment: Segment, frames: list[bytes]) -> None:
        data = memoryview(b"".join(frames))
        segment.size += len(data)
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _sync_folder(self) -> None:
        """A new or removed name is on the disk only once its folder is synced."""
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _remove(self, segment: Segment) -> None:
        if segment.damaged:
            segment.path.rename(segment.path.with_suffix(".damaged"))
        else:
            segment.path.unlink(missing_ok=True)

    def _broken(self, error: OSError) -> DeliveryError:
        return DeliveryError(f"spool {str(self.folder)!r} cannot be written: {error.strerror}")


def _take(folder: Path) -> int:
    """Open the folder for this process alone; its lock ends with the process."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        allowed = f"a folder that can be written ({error.strerror})"
        raise ConfigurationError("spool", str(folder), allowed) from error
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock_file)
        allowed = "a folder that no other process uses"
        raise ConfigurationError("spool", str(folder), allowed) from error
    return lock_file


def frame(event: SpooledEvent) -> bytes:
    """An event as it lies in a segment."""
    source, key = event.source.encode(), event.key.encode()
    body = b"".join((_LENGTHS.pack(len(source), len(key)), source, key, event.data))
    return _HEAD.pack(_MARK, len(body), zlib.crc32(body)) + body


def read_frames(content: bytes) -> Iterator[tuple[SpooledEvent, int]]:
    """The sound events of a segment, each with the length of its frame; damage is skipped."""
    at = content.find(_MARK)
    while 0 <= at <= len(content) - _HEAD.size:
        _, length, checksum = _HEAD.unpack_from(content, at)
        start = at + _HEAD.size
        body = content[start : start + length]
        if len(body) == length and zlib.crc32(body) == checksum:
            yield _event(body), _HEAD.size + length
            at = content.find(_MARK, start + length)
        else:
            at = content.find(_MARK, at + 1)


def _event(body: bytes) -> SpooledEvent:
    source_length, key_length = _LENGTHS.unpack_from(body)
    key_at = _LENGTHS.size + source_length
    data_at = key_at + key_length
    return SpooledEvent(
        data=body[data_at:],
        key=body[key_at:data_at].decode(),
        source=body[_LENGTHS.size : key_at].decode(),
    )
