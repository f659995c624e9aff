"""How far followed files were sent, on the disk: written whole, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from tidelake.contract.errors import ConfigurationError, DeliveryError

WINDOW_BYTES = 1024
"""How much of each end of what was read tells a file from others."""


@dataclass(frozen=True, kw_only=True)
class FileMark:
    """Everything before `offset` of a file, `lines` lines, is safe.

    `device` and `inode` find the file after a rename. `fingerprint`, of what stands around the
    ends of those bytes, tells whether a file is still this one, or which file is a copy of it.
    """

    path: str
    device: int
    inode: int
    offset: int
    lines: int
    fingerprint: str


def fingerprint(head: bytes, tail: bytes) -> str:
    """A digest of the first and of the last WINDOW_BYTES of what was read of a file."""
    return hashlib.blake2b(head + tail, digest_size=16).hexdigest()


class PositionFile:
    """A JSON file of marks. One process has it at a time; the lock ends with the process."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError if it is no regular file, cannot be written, or is another
        process's."""
        if path.exists() and not path.is_file():
            raise ConfigurationError("positions", str(path), "a regular file")
        self._path = path
        self._saved: list[FileMark] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = path.with_name(path.name + ".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ConfigurationError(
                "positions", str(path), "a file that no other process uses"
            ) from None
        except OSError as error:
            allowed = f"a file that can be written ({error.strerror})"
            raise ConfigurationError("positions", str(path), allowed) from error

    def load(self) -> list[FileMark]:
        """The marks of the last save; none if there was none."""
        try:
            found = json.loads(self._path.read_text())
            return [FileMark(**mark) for mark in found["files"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            allowed = f"a file that this command wrote ({type(error).__name__})"
            raise ConfigurationError("positions", str(self._path), allowed) from error

    def save(self, marks: Iterable[FileMark]) -> None:
        """Replace what is saved; on return it is on the disk. DeliveryError if that fails."""
        marks = list(marks)
        if marks == self._saved:
            return
        text = json.dumps({"files": [asdict(mark) for mark in marks]}, indent=1)
        new = self._path.with_name(self._path.name + ".new")
        try:
            with new.open("w") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise DeliveryError(
                f"positions {str(self._path)!r} cannot be written: {error.strerror}"
            ) from error
        self._saved = marks

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()

    def __enter__(self) -> PositionFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
