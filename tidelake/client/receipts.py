"""Receipts: the ids of the events that a producer accepted, to be compared with what arrived."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tidelake.contract.errors import ConfigurationError, DeliveryError

_BUFFER_BYTES = 64 * 1024


class ReceiptFile:
    """A file of event ids, one a line, added to those of earlier runs.

    Ids are buffered until `flush`; `close` brings them to the disk. Not safe between threads by
    itself: its owner holds a lock.
    """

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError if the file cannot be written."""
        self.path = path
        self._buffer = bytearray()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            allowed = f"a file that can be written ({error.strerror})"
            raise ConfigurationError("receipts", str(path), allowed) from error

    def add(self, event_ids: Iterable[str]) -> None:
        """Note accepted ids. Raises DeliveryError as `flush` does."""
        for event_id in event_ids:
            self._buffer += event_id.encode(errors="backslashreplace") + b"\n"
        if len(self._buffer) >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered. Raises DeliveryError if that fails, as on a full disk."""
        try:
            while self._buffer:
                written = self._file.write(self._buffer)
                del self._buffer[:written]
        except OSError as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Flush, sync and close; closing again does nothing."""
        if self._file.closed:
            return
        try:
            self.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self._file.close()

    def _broken(self, error: OSError) -> DeliveryError:
        return DeliveryError(f"receipts {str(self.path)!r} cannot be written: {error.strerror}")
