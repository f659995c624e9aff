from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.schema import (
    APP_EVENT,
    CHANGE_DATA,
    SENSOR,
    WEB_LOG,
    Source,
    event_fields,
    json_schema,
)
from tidelake.sources.validate import validator_for

VALID: dict[str, object] = {
    "event_id": "884f78c001dd08934fa7fef97fcadd1c",
    "event_time": "2015-05-17T10:05:03Z",
    "ingest_time": "2026-01-02T03:04:05.678Z",
    "source": "web_log",
    "event_type": "request",
    "schema_version": 1,
    "client_address": "192.0.2.1",
    "status": 200,
    "response_bytes": 0,
}
TIMESTAMP = r"must match ^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"


def reason(event: dict[str, object]) -> str:
    with pytest.raises(InvalidEventError) as caught:
        validator_for(WEB_LOG).check(event)
    return str(caught.value)


def test_an_event_with_its_required_fields_is_valid() -> None:
    validator_for(WEB_LOG).check(VALID)


@pytest.mark.parametrize("name", sorted(VALID))
def test_a_missing_required_field_is_named(name: str) -> None:
    event = {key: value for key, value in VALID.items() if key != name}
    assert reason(event) == f"{name}: is missing"


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("status", "200", "must be of type integer"),
        ("status", 200.5, "must be of type integer"),
        ("status", True, "must be of type integer"),
        ("status", None, "must be of type integer"),
        ("status", float("nan"), "must be of type integer"),
        ("status", 99, "must be at least 100"),
        ("status", 600, "must be at most 599"),
        ("response_bytes", -1, "must be at least 0"),
        ("response_bytes", 2**50 + 1, "must be at most 1125899906842624"),
        ("response_bytes", 10**300, "must be at most 1125899906842624"),
        ("client_address", "x" * 256, "must have at most 255 characters"),
        ("client_address", ["192.0.2.1"], "must be of type string"),
        ("source", "sensor", "must be web_log"),
        ("event_time", "2015-05-17 10:05:03", TIMESTAMP),
        ("event_time", "2015-05-17T10:05:03+00:00", TIMESTAMP),
        ("event_time", "2015-05-17T10:05:03Z\n", TIMESTAMP),
        ("event_time", "２０15-05-17T10:05:03Z", TIMESTAMP),  # noqa: RUF001 - wide digits
    ],
)
def test_a_misfit_is_told_by_field_and_rule(name: str, value: object, rule: str) -> None:
    assert reason(VALID | {name: value}) == f"{name}: {rule}"


def test_a_field_outside_the_table_is_refused_without_its_name() -> None:
    assert reason(VALID | {"s3cr3t": 1}) == "event: must have no field outside the field table"


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, {1: 2}, object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    assert reason(VALID | {"target": value}) == "event: must hold values of JSON alone"


def test_a_validator_is_compiled_once() -> None:
    assert validator_for(WEB_LOG) is validator_for(WEB_LOG)


OF_OTHER_SOURCES: dict[Source, dict[str, object]] = {
    SENSOR: {"device_id": "m1", "sensor_type": "t", "value": 7.5, "quality": "good"},
    CHANGE_DATA: {
        "table_name": "orders", "operation": "UPDATE", "is_snapshot": False,
        "change_type": "standard_update", "row_key": "{}", "source_position": "1",
    },
    APP_EVENT: {"user_id": "u-1", "quantity": 2},
}  # fmt: skip
COMMON = {name: VALID[name] for name in list(VALID)[:6]}
BY_SOURCE = {WEB_LOG: VALID} | {
    source: COMMON | own | {"source": source.name} for source, own in OF_OTHER_SOURCES.items()
}
REFERENCE = {source: jsonschema.Draft202012Validator(json_schema(source)) for source in BY_SOURCE}


@pytest.mark.parametrize("source", BY_SOURCE, ids=lambda source: source.name)
def test_an_event_of_each_source_is_valid(source: Source) -> None:
    validator_for(source).check(BY_SOURCE[source])


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 700),
    st.integers(2**50 - 2, 2**50 + 2),
    st.integers(2**63 - 1, 2**63 + 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.sampled_from(
        ["web_log", "2015-05-17T10:05:03Z", "2015-05-17T10:05:03.1234567Z", "good", "UPDATE",
         "x" * 64, "x" * 65, "\U0001f600" * 64, "EUR", 1.0, 2.0, -0.0]
    ),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(BY_SOURCE, key=lambda source: source.name)))
def test_the_verdict_is_that_of_the_reference_validator(
    data: st.DataObject, source: Source
) -> None:
    names = [field.name for field in event_fields(source)]
    changes = data.draw(st.dictionaries(st.sampled_from([*names, "other"]), values, max_size=4))
    event = BY_SOURCE[source] | changes
    assert validator_for(source).is_valid(event) == REFERENCE[source].is_valid(event)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InvalidEventError):
        validator_for(SENSOR).check(BY_SOURCE[SENSOR] | {"value": value})
