from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.delivery_transform.conformity import conformed, events_in
from lambda_src.delivery_transform.records import answer
from tests.lambda_src.delivery_transform.events import REQUEST
from tidelake.contract.errors import InvalidEventError
from tidelake.contract.schema import COMMON_FIELDS, WEB_LOG
from tidelake.contract.settings import Misfits
from tidelake.sources.validate import validator_for


def refusal(**changes: Any) -> str:
    with pytest.raises(InvalidEventError) as error:
        conformed({**REQUEST, **changes})
    return str(error.value)


def test_an_event_of_the_contract_comes_back_as_the_same_object() -> None:
    event = dict(REQUEST)
    assert conformed(event) is event


@pytest.mark.parametrize(
    ("field", "value", "mended"),
    [
        ("status", "200", 200),
        ("status", 200.0, 200),
        ("response_bytes", "0", 0),
        ("response_bytes", "9000000000", 9_000_000_000),
        ("event_time", "2015-05-17T12:05:03+02:00", "2015-05-17T10:05:03Z"),
        ("event_time", "2015-05-17 10:05:03Z", "2015-05-17T10:05:03Z"),
        ("event_time", "2015-05-16T23:05:03.250000-11:00", "2015-05-17T10:05:03.250000Z"),
    ],
)
def test_what_has_one_possible_meaning_is_put_right(
    field: str, value: object, mended: object
) -> None:
    event = conformed({**REQUEST, field: value})
    assert event[field] == mended
    assert type(event[field]) is type(mended)


def test_numbers_in_strings_are_put_right() -> None:
    reading = {
        **{key: REQUEST[key] for key in ("event_id", "event_time", "ingest_time")},
        "source": "sensor",
        "event_type": "reading",
        "schema_version": "1",
        "device_id": "s-1",
        "sensor_type": "temperature",
        "value": "-1.5e1",
        "quality": "good",
    }
    event = conformed(reading)
    assert (event["schema_version"], event["value"]) == (1, -15.0)


def test_a_field_without_a_value_is_left_out() -> None:
    assert "referrer" not in conformed({**REQUEST, "referrer": None})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": "nobody"}, "source: must be one of web_log, sensor, change_data, app_event"),
        ({"source": ["web_log"]}, "source: must be one of web_log, sensor, change_data, app_event"),
        ({"event_id": None}, "event_id: is missing"),
        ({"event_id": 7}, "event_id: must be of type string"),
        ({"event_id": "x" * 65}, "event_id: must have at most 64 characters"),
        ({"status": 99}, "status: must be at least 100"),
        ({"status": "600"}, "status: must be at most 599"),
        ({"status": True}, "status: must be of type int"),
        ({"status": "2e2"}, "status: must be of type int"),
        ({"status": "0200"}, "status: must be of type int"),
        ({"status": 200.5}, "status: must be of type int"),
        ({"response_bytes": 2**63}, "response_bytes: must be of type bigint"),
        ({"event_time": "2015-05-17T10:05:03"}, "event_time: must be of type timestamp"),
        ({"event_time": "2015-02-30T10:05:03Z"}, "event_time: must be of type timestamp"),
        ({"event_time": "0001-01-01T00:00:00+14:00"}, "event_time: must be of type timestamp"),
        ({"event_time": 1_431_857_103}, "event_time: must be of type timestamp"),
        ({"unheard_of": 1}, "event: must have no field outside the field table"),
    ],
)
def test_a_misfit_is_named_by_field_and_rule(changes: dict[str, Any], reason: str) -> None:
    assert refusal(**changes) == reason


def test_a_record_holds_any_number_of_events() -> None:
    assert events_in(b"") == []
    assert events_in(b" \n") == []
    assert events_in(b'{"a": 1}') == [{"a": 1}]
    assert events_in(b'{"a": 1}\n{"b": 2}{"c": 3}\n') == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    "record",
    [
        b"no json",
        b'{"a": 1} and more',
        b"[1]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_record_of_anything_else_is_refused(record: bytes) -> None:
    with pytest.raises(InvalidEventError, match=r"^record: must hold JSON objects in UTF-8 alone$"):
        events_in(record)


def test_a_number_that_overflows_is_of_the_wrong_type() -> None:
    [event] = events_in(
        json.dumps({**REQUEST, "response_bytes": 0}).replace("0}", "1e999}").encode()
    )
    with pytest.raises(InvalidEventError, match=r"^response_bytes: must be of type bigint$"):
        conformed(event)


COMMON_NAMES = [field.name for field in COMMON_FIELDS]


@pytest.mark.parametrize("value", ["1e999", "-1e999", '"1e999"'])
def test_a_reading_that_is_not_finite_is_refused(value: str) -> None:
    reading = {name: REQUEST[name] for name in COMMON_NAMES} | {
        "source": "sensor",
        "device_id": "m1",
        "sensor_type": "x",
        "quality": "good",
        "value": 0,
    }
    [event] = events_in(json.dumps(reading).replace('"value": 0', f'"value": {value}').encode())
    with pytest.raises(InvalidEventError, match=r"^value: must be of type double$"):
        conformed(event)


JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=70),
    st.sampled_from(["200", "-1", "1e3", "2015-05-17 10:05:03+02:00", "web_log", "0" * 20]),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from([*REQUEST, "referrer", "user_agent", "other"]), JSON_VALUES))
def test_whatever_comes_through_is_an_event_of_the_contract(changes: dict[str, object]) -> None:
    try:
        event = conformed({**REQUEST, **changes})
    except InvalidEventError:
        return
    assert validator_for(WEB_LOG).is_valid(event)


@given(st.binary(max_size=200))
def test_no_record_is_too_strange_to_be_answered(record: bytes) -> None:
    data = base64.b64encode(record).decode()
    answered = answer({"recordId": "1", "data": data}, Misfits.SET_ASIDE)
    assert answered.to_wire()["recordId"] == "1"
