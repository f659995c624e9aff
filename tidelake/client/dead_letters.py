"""Dead letters: what could not be sent, each with its reason, as JSON lines to replay."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tidelake.contract.errors import ConfigurationError, DeliveryError, InputError
from tidelake.contract.events import ParsedLine, RejectedLine

_EVENT = "event"
_LINE = "line"


class DeadLetterFile:
    """A file of `{"source", "line", "reason", "holds", "raw"}`, one object a line.

    `holds` says what `raw` is: the line of an input that no event came of, or the whole event,
    which `read_dead_letters` gives back as it was, with its id. `raw_base64` stands for `raw` where
    the bytes are no UTF-8; `line` is null for an event that came from no line. Each dead letter
    is one write at the end of the file, so that it survives the death of the process; `sync` and
    `close` make it survive that of the machine. Safe to share between threads.
    """

    def __init__(self, path: Path, *, append: bool = True) -> None:
        """Open, or create, the file and its folder; `append=False` empties it first.

        Raises ConfigurationError if it cannot be written, or is no regular file: what is set aside
        must be there afterwards.
        """
        self.path = path
        self.count = 0
        """Dead letters written by this object."""
        truncate = 0 if append else os.O_TRUNC
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(
                path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | truncate, 0o600
            )
        except OSError as error:
            allowed = f"a file that can be written ({error.strerror})"
            raise ConfigurationError("dead letters", str(path), allowed) from error
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            os.close(self._file)
            raise ConfigurationError("dead letters", str(path), "a regular file")
        self._closed = False
        self._lock = threading.Lock()
        self._end_broken_line()

    def put(self, *, source: str, line: int | None, reason: str, raw: bytes) -> None:
        """Write the dead letter of what is no event; `reason` names field and rule, no value.

        Raises DeliveryError if it cannot be written, as on a full disk.
        """
        self._put(source, line, reason, _LINE, raw)

    def put_event(self, *, source: str, line: int | None, reason: str, event: bytes) -> None:
        """Write the dead letter of an event, given as JSON. Raises DeliveryError as `put` does."""
        self._put(source, line, reason, _EVENT, event)

    def _put(self, source: str, line: int | None, reason: str, holds: str, raw: bytes) -> None:
        letter: dict[str, object] = {
            "source": source, "line": line, "reason": reason, "holds": holds
        }  # fmt: skip
        try:
            letter["raw"] = raw.decode()
        except UnicodeDecodeError:
            letter["raw_base64"] = base64.b64encode(raw).decode()
        with self._lock:
            self._write(json.dumps(letter).encode() + b"\n")
            self.count += 1

    def sync(self) -> None:
        """Bring to the disk what was written. Raises DeliveryError if that fails."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._broken(error) from error

    def put_rejected(self, rejected: RejectedLine) -> None:
        """Write the dead letter of a line that no event came of."""
        self.put(
            source=rejected.source, line=rejected.line, reason=rejected.reason, raw=rejected.raw
        )

    def close(self) -> None:
        """Sync, and close; closing again does nothing."""
        if not self._closed:
            self._closed = True
            try:
                self.sync()
            finally:
                os.close(self._file)

    def __enter__(self) -> DeadLetterFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _end_broken_line(self) -> None:
        """A process that died while writing may have left half a line: keep ours apart from it."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._write(b"\n")

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise self._broken(error) from error

    def _broken(self, error: OSError) -> DeliveryError:
        return DeliveryError(f"dead letters {str(self.path)!r} cannot be written: {error.strerror}")


def read_dead_letters(path: Path) -> Iterator[ParsedLine | RejectedLine]:
    """What a dead-letter file holds, to be sent again: its events, and what is no event as before.

    `line` is the one of the dead letter in `path` for events, and that of the original input for
    rejected lines. Raises InputError if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                yield _read_letter(number, text.rstrip(b"\r\n"))
    except OSError as error:
        raise InputError(f"dead letters {str(path)!r} cannot be read: {error.strerror}") from error


def _read_letter(number: int, text: bytes) -> ParsedLine | RejectedLine:
    try:
        letter = json.loads(text)
        source, reason, holds = str(letter["source"]), str(letter["reason"]), letter["holds"]
        line = letter["line"] if isinstance(letter["line"], int) else number
        if "raw" in letter:
            raw = letter["raw"].encode()
        else:
            raw = base64.b64decode(letter["raw_base64"], validate=True)
        event = json.loads(raw) if holds == _EVENT else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return RejectedLine("dead_letters", number, "line: must be a dead letter", text)
    if isinstance(event, dict):
        return ParsedLine(number, event, raw)
    return RejectedLine(source, line, reason, raw)
