from __future__ import annotations

import inspect

from tidelake.contract import errors
from tidelake.contract.errors import (
    ConfigurationError,
    NotLoopbackError,
    TidelakeError,
    TransportError,
)


def test_every_error_is_of_the_one_tree() -> None:
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass)]
    assert all(issubclass(item, TidelakeError) for item in classes)


def test_a_configuration_error_names_key_value_and_what_is_allowed() -> None:
    error = ConfigurationError("shards", 0, "1 to 500")
    assert str(error) == "shards = 0 is not allowed; allowed: 1 to 500"
    assert (error.key, error.value, error.allowed) == ("shards", 0, "1 to 500")


def test_a_foreign_endpoint_is_named_with_what_is_allowed() -> None:
    assert str(NotLoopbackError("http://example.com")) == (
        "endpoint 'http://example.com' is not on this machine; allowed: http://127.0.0.1:PORT, "
        "http://localhost:PORT or http://[::1]:PORT"
    )


def test_a_transport_error_names_call_stream_and_code() -> None:
    error = TransportError("PutRecords", "events", "Throttled", retryable=True)
    assert str(error) == "PutRecords on data stream 'events' failed: Throttled"
    assert (error.operation, error.stream, error.code, error.retryable) == (
        "PutRecords",
        "events",
        "Throttled",
        True,
    )
