from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelake.contract.errors import InvalidEventError
from tidelake.sources.json_lines import dump, load_object


def reason(text: str) -> str:
    with pytest.raises(InvalidEventError) as caught:
        load_object(text)
    return str(caught.value)


def nested(depth: int) -> str:
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be JSON"),
        ("{", "must be JSON"),
        ("{'a': 1}", "must be JSON"),
        ('{"a": 01}', "must be JSON"),
        ('{"a": 1} {"b": 2}', "must be JSON"),
        ('{"a": "\x01"}', "must be JSON"),
        ("[1]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('"text"', "must be a JSON object"),
        ('{"a": NaN}', "must have finite numbers only"),
        ('{"a": -Infinity}', "must have finite numbers only"),
        ('{"a": 1e999}', "must have finite numbers only"),
        ('{"a": [-1.5E+400]}', "must have finite numbers only"),
        ('{"a": ' + "9" * 400 + ".0}", "must have finite numbers only"),
        ('{"a": 1, "a": 1}', "must have each key once"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "must have each key once"),
        ('{"a": 9223372036854775808}', "must have integers of at most 64 bits"),
        ('{"a": -9223372036854775809}', "must have integers of at most 64 bits"),
        ('{"a": ' + "9" * 5_000 + "}", "must have integers of at most 64 bits"),
        ('{"a": "\\ud800"}', "must have no lone surrogate"),
        ('{"\\uDC00": 1}', "must have no lone surrogate"),
        (nested(33), "must have at most 32 objects and arrays in each other"),
        (nested(100_000), "must have at most 32 objects and arrays in each other"),
        ('{"a":' * 100_000, "must have at most 32 objects and arrays in each other"),
    ],
)
def test_what_is_not_strictly_one_object_is_refused(text: str, rule: str) -> None:
    assert reason(text) == f"line: {rule}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 9223372036854775807, "b": -9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        ('{"a": 1.7976931348623157e308}', {"a": 1.7976931348623157e308}),
        ('{"a": "NaN 1e999 99999999999999999999"}', {"a": "NaN 1e999 99999999999999999999"}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a": {"a": [{"a": null}]}}', {"a": {"a": [{"a": None}]}}),
        (' {"a": true} ', {"a": True}),
        ('{"a": "' + "[" * 50 + '"}', {"a": "[" * 50}),
    ],
)
def test_what_keeps_the_limits_is_taken(text: str, value: object) -> None:
    assert load_object(text) == value


def test_32_levels_are_taken() -> None:
    assert load_object(nested(32))


@given(st.text(max_size=200))
def test_any_text_is_an_object_or_refused_with_a_reason(text: str) -> None:
    with suppress(InvalidEventError):
        assert isinstance(load_object(text), dict)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)  # fmt: skip
def test_what_json_can_hold_comes_back_the_same(value: dict[str, object]) -> None:
    assert load_object(json.dumps(value)) == value
    assert load_object(dump(value)) == value


def test_equal_objects_give_equal_texts() -> None:
    assert dump({"b": 1, "a": {"d": 1.5, "c": "é"}}) == '{"a":{"c":"é","d":1.5},"b":1}'
    assert dump({"a": {"c": "é", "d": 1.5}, "b": 1}) == '{"a":{"c":"é","d":1.5},"b":1}'


def test_a_line_of_a_megabyte_is_refused_in_no_time() -> None:
    started = time.process_time()
    for text in ('{"a":' * 200_000, "[" * 1_000_000, '{"a":' + "9" * 1_000_000 + "}"):
        reason(text)
    assert time.process_time() - started < 5
