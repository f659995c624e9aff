"""The error tree. Every message names what was wrong, its value, and what is allowed.

Users see `str(error)` on one line; `--debug` adds the traceback.
"""

from __future__ import annotations

import re


class TidelakeError(Exception):
    """Root of every error that the project raises on purpose."""


class ConfigurationError(TidelakeError):
    """A configured value is unknown, of the wrong type, or outside AWS's range."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{key} = {value!r} is not allowed; allowed: {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed


class InputError(TidelakeError):
    """The input cannot be read, or nothing in it could be sent. The command exits with 2."""


class InvalidEventError(TidelakeError):
    """An event breaks the field table. The reason names the field and the rule, never the value."""


class DeliveryError(TidelakeError):
    """Records could not be delivered within their deadline."""


class ProducerFullError(DeliveryError):
    """The producer holds as many events as it may, and none was delivered in time."""

    def __init__(self, waiting_events: int, waited_seconds: float) -> None:
        super().__init__(
            f"no room for another event after {waited_seconds:g} s: {waiting_events:,} wait to be "
            "delivered"
        )
        self.waiting_events = waiting_events
        self.waited_seconds = waited_seconds


class TransportError(TidelakeError):
    """A whole call to a data stream failed. `code` is AWS's, or the name of the client's error."""

    def __init__(self, operation: str, stream: str, code: str, *, retryable: bool) -> None:
        super().__init__(f"{operation} on {self._target} {stream!r} failed: {code}")
        self.operation = operation
        self.stream = stream
        self.code = code
        self.retryable = retryable

    _target = "data stream"


class LeaseTableError(TransportError):
    """A call to the table of a consumer's leases failed; `stream` is the table's name."""

    _target = "lease table"


class LeaseLostError(TidelakeError):
    """Another worker has taken a shard over: what this one does with it does not count any more."""

    def __init__(self, shard_id: str) -> None:
        super().__init__(f"the lease of shard {shard_id!r} was taken over by another worker")
        self.shard_id = shard_id


class SchemaConflictError(TidelakeError):
    """A table has a column of another type than the jobs write; columns are only ever added."""

    def __init__(self, table: str, column: str, present: str, declared: str) -> None:
        super().__init__(
            f"column {column} of table {table} is of type {present!r}; allowed: {declared!r}, "
            "for columns are added and never changed"
        )


class LocalAwsError(TidelakeError):
    """The local AWS could not be started, reached, or stopped."""


class NotLoopbackError(TidelakeError):
    """A local command was pointed at an address outside this machine."""

    def __init__(self, endpoint: str) -> None:
        # Without a user and password, should it hold any.
        self.endpoint = re.sub(r"//[^/]*@", "//", endpoint)
        super().__init__(
            f"endpoint {self.endpoint!r} is not on this machine; allowed: http://127.0.0.1:PORT, "
            "http://localhost:PORT or http://[::1]:PORT"
        )


class ToolchainError(TidelakeError):
    """Node, Java or a Spark jar is missing, of the wrong version, or not what its checksum says."""


class CommandError(TidelakeError):
    """An outside command failed or ran out of time."""


class PipelineError(TidelakeError):
    """The pipeline did not take every accepted event to its tables. The command exits with 1."""
