from __future__ import annotations

import pytest

from tidelake.contract.errors import InvalidEventError
from tidelake.sources.timestamps import utc_from_iso, utc_from_milliseconds


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2015-05-17T10:05:03Z", "2015-05-17T10:05:03Z"),
        ("2015-05-17 10:05:03", "2015-05-17T10:05:03Z"),
        ("2015-05-17T12:05:03+02:00", "2015-05-17T10:05:03Z"),
        ("2015-12-31T23:30:00-0100", "2016-01-01T00:30:00Z"),
        ("2015-05-17T10:05:03.120Z", "2015-05-17T10:05:03.12Z"),
        ("2015-05-17T10:05:03.000", "2015-05-17T10:05:03Z"),
        ("2015-05-17T10:05:03.123456789+00:00", "2015-05-17T10:05:03.123456Z"),
        ("2024-02-29 00:00:00", "2024-02-29T00:00:00Z"),
    ],
)
def test_a_time_becomes_utc(text: str, utc: str) -> None:
    assert utc_from_iso(text) == utc


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (None, "must be like 2015-05-17T10:05:03Z"),
        (1_431_857_103, "must be like 2015-05-17T10:05:03Z"),
        ("", "must be like 2015-05-17T10:05:03Z"),
        ("now", "must be like 2015-05-17T10:05:03Z"),
        ("2015-05-17", "must be like 2015-05-17T10:05:03Z"),
        ("17/05/2015 10:05:03", "must be like 2015-05-17T10:05:03Z"),
        ("2015-05-17T10:05:03Z\n", "must be like 2015-05-17T10:05:03Z"),
        ("２015-05-17T10:05:03Z", "must be like 2015-05-17T10:05:03Z"),  # noqa: RUF001
        ("2015-02-29T10:05:03Z", "must be a date and time that exist"),
        ("2015-05-17T24:00:01Z", "must be a date and time that exist"),
        ("2015-05-17T10:05:60Z", "must be a date and time that exist"),
        ("2015-05-17T10:05:03+99:00", "must be a date and time that exist"),
        ("0001-01-01T00:00:00+02:00", "must be a date and time that exist"),
        ("1969-12-31T23:59:59Z", "must be in a year from 1970 to 2199"),
        ("2199-12-31T23:59:59-01:00", "must be in a year from 1970 to 2199"),
    ],
)
def test_what_is_no_time_is_refused_and_never_now(value: object, rule: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        utc_from_iso(value)
    assert str(caught.value) == f"event_time: {rule}"


@pytest.mark.parametrize(
    ("milliseconds", "utc"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_431_857_103_120, "2015-05-17T10:05:03.12Z"),
        (7_258_118_399_999, "2199-12-31T23:59:59.999Z"),
    ],
)
def test_milliseconds_become_utc(milliseconds: int, utc: str) -> None:
    assert utc_from_milliseconds(milliseconds) == utc


@pytest.mark.parametrize("value", [-1, 7_258_118_400_000, 1.5, "0", True, None])
def test_other_milliseconds_are_refused(value: object) -> None:
    with pytest.raises(InvalidEventError, match="must be milliseconds from 1970 to 2199"):
        utc_from_milliseconds(value)
