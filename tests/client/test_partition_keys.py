from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelake.client.partition_keys import partition_key


def test_a_web_request_goes_by_its_client() -> None:
    event: dict[str, object] = {"source": "web_log", "event_id": "i", "client_address": "::1"}
    assert partition_key(event, b"") == "::1"


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"source": "sensor", "device_id": "m1"}, "m1"),
        ({"source": "app_event", "user_id": "u-1", "session_id": "s-1"}, "u-1"),
        (
            {"source": "change_data", "database_name": "shop", "schema_name": "public",
             "table_name": "orders", "row_key": '{"id":7}'},
            'shop/public/orders/{"id":7}',
        ),
        ({"source": "change_data", "table_name": "orders", "row_key": '{"id":7}'},
         'orders/{"id":7}'),
    ],
)  # fmt: skip
def test_events_of_a_device_a_user_or_a_row_share_a_key(event: dict[str, object], key: str) -> None:
    assert partition_key(event, b"") == key


@pytest.mark.parametrize("client", [None, "", 7])
def test_without_its_field_an_event_goes_by_its_id(client: object) -> None:
    event = {"source": "web_log", "event_id": "the-id", "client_address": client}
    assert partition_key(event, b"") == "the-id"


def test_an_unknown_source_goes_by_the_events_id() -> None:
    assert partition_key({"source": "else", "event_id": "the-id"}, b"") == "the-id"


def test_without_field_and_id_the_events_bytes_give_the_key() -> None:
    assert partition_key({}, b"data") == "82f64e6be809763df98195dfa5de656c"


def test_a_value_too_long_for_a_key_is_digested() -> None:
    event: dict[str, object] = {"source": "web_log", "client_address": "x" * 257}
    assert partition_key(event, b"") == "6111369e4b587b4a4bf84d6ef4d86968"


@given(
    st.dictionaries(
        st.sampled_from(["event_id", "client_address", "device_id", "table_name", "row_key"]),
        st.text() | st.none() | st.integers(),
    ),
    st.sampled_from(["web_log", "sensor", "change_data", "app_event", "else"]),
)
def test_a_key_always_has_1_to_256_characters(event: dict[str, object], source: str) -> None:
    assert 1 <= len(partition_key({**event, "source": source}, b"data")) <= 256


def test_a_key_is_the_same_in_every_process() -> None:
    program = (
        "from tidelake.client.partition_keys import partition_key;"
        "print(partition_key({'source': 'web_log', 'client_address': 'x' * 300}, b''))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1
