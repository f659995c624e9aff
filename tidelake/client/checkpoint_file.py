"""Checkpoints in a file, for an application of one process."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidelake.client.checkpoints import Checkpoint, Claim, Origin, Standing, claim_all
from tidelake.client.transport import Position, Shard
from tidelake.contract.errors import ConfigurationError, DeliveryError


class FileCheckpoints:
    """The standing of one application in a JSON file, replaced whole and fsynced at each save.

    A lock beside the file, `NAME.lock`, keeps a second process out for as long as the first lives:
    the kernel drops it with the process, however that ends.
    """

    claim_seconds = float("inf")

    def __init__(self, path: Path, stream: str) -> None:
        """Open or create the file.

        Raises ConfigurationError if another process has it, it is of another stream, or it cannot
        be read or written.
        """
        if path.exists() and not path.is_file():
            raise _unusable(path, "it is no regular file")
        self.path = path
        self._stream = stream
        self._lock = _locked(path)
        try:
            self._standing = self._read()
        except BaseException:
            os.close(self._lock)
            raise

    def claim(self, shards: Sequence[Shard], start: Position) -> Claim:
        if self._standing is None:
            self._standing = Standing(Origin.choose(shards, start).pinned())
            self._write(self._standing)
        return claim_all(self._standing, shards)

    def holds(self, shard_id: str) -> bool:  # noqa: ARG002  the lock holds all
        return True

    def save(self, shard_id: str, checkpoint: Checkpoint) -> None:
        assert self._standing is not None, "claimed first"  # noqa: S101  the protocol's order
        self._standing.checkpoints[shard_id] = checkpoint
        self._write(self._standing)

    def close(self) -> None:
        """Let another process have the file; closing again does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _read(self) -> Standing | None:
        try:
            document = json.loads(self.path.read_text())
            stream = document["stream"]
            origin = Origin.from_document(document["origin"])
            saved = {k: Checkpoint.from_text(v) for k, v in document["checkpoints"].items()}
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.path, str(error.strerror)) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unusable(self.path, "it holds none") from error
        if stream != self._stream:
            raise _unusable(self.path, f"it is of data stream {stream!r}")
        return Standing(origin, saved)

    def _write(self, standing: Standing) -> None:
        document: dict[str, Any] = {
            "stream": self._stream,
            "origin": standing.origin.to_document(),
            "checkpoints": {k: v.to_text() for k, v in sorted(standing.checkpoints.items())},
        }
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            with beside.open("w") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise DeliveryError(
                f"checkpoints {str(self.path)!r} cannot be written: {error.strerror}"
            ) from error


def _locked(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise _unusable(
            path, "another process uses it; several share a stream by leases in DynamoDB"
        ) from None
    return lock


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError("checkpoints", str(path), f"a file of checkpoints ({why})")
