"""Dead letters: what could not be sent, each with its reason, as JSON lines to replay."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from types import TracebackType

from tidelake.contract.errors import ConfigurationError, DeliveryError
from tidelake.contract.events import RejectedLine


class DeadLetterFile:
    """A file of `{"source", "line", "reason", "raw"}`, one object a line.

    `raw_base64` stands for `raw` where the bytes are no UTF-8; `line` is null for an event that
    came from no line. Each dead letter is one write at the end of the file, so that it survives
    the death of the process; `close` makes it survive that of the machine (fsync).
    """

    def __init__(self, path: Path, *, append: bool = True) -> None:
        """Open, or create, the file and its folder; `append=False` empties it first.

        Raises ConfigurationError if it cannot be written.
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
        self._closed = False
        self._end_broken_line()

    def put(self, *, source: str, line: int | None, reason: str, raw: bytes) -> None:
        """Write one dead letter; `reason` names field and rule and never quotes the value.

        Raises DeliveryError if it cannot be written, as on a full disk.
        """
        letter: dict[str, object] = {"source": source, "line": line, "reason": reason}
        try:
            letter["raw"] = raw.decode()
        except UnicodeDecodeError:
            letter["raw_base64"] = base64.b64encode(raw).decode()
        self._write(json.dumps(letter).encode() + b"\n")
        self.count += 1

    def sync(self) -> None:
        """Bring to the disk what was written. Raises DeliveryError if that fails."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise DeliveryError(
                f"dead letters {str(self.path)!r} cannot be written: {error.strerror}"
            ) from error

    def put_rejected(self, rejected: RejectedLine) -> None:
        """Write the dead letter of a line that no event came of."""
        self.put(
            source=rejected.source, line=rejected.line, reason=rejected.reason, raw=rejected.raw
        )

    def close(self) -> None:
        """Bring everything to the disk and close; closing again does nothing."""
        if not self._closed:
            self._closed = True
            try:
                os.fsync(self._file)
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
            raise DeliveryError(
                f"dead letters {str(self.path)!r} cannot be written: {error.strerror}"
            ) from error
