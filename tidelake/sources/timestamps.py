"""Times of sources as the one text that events carry: `2015-05-17T10:05:03Z`, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tidelake.contract.errors import InvalidEventError

YEARS = range(1970, 2200)
"""Years that every reader of the lake can hold: Parquet's INT96 is read as nanoseconds, to 2262."""

_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = int((datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds() * 1000) - 1


def utc_from_iso(value: object, field: str = "event_time") -> str:
    """An ISO 8601 date and time, without a zone taken as UTC, as UTC; digits after the sixth of a
    fraction are cut. InvalidEventError for anything else: a wrong time is never taken as now."""
    match = _ISO.match(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidEventError(f"{field}: must be like 2015-05-17T10:05:03Z")
    day, time, fraction, zone = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in (None, 'Z') else zone}")
        utc = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEventError(f"{field}: must be a date and time that exist") from None
    _check_year(utc, field)
    # The fraction is below what a zone's offset moves, so it is carried over as it stands.
    digits = "" if fraction is None else fraction[:6].rstrip("0")
    return f"{utc:%Y-%m-%dT%H:%M:%S}{'.' + digits if digits else ''}Z"


def utc_from_milliseconds(value: object, field: str = "event_time") -> str:
    """Milliseconds since 1970, UTC, as an integer; InvalidEventError for anything else."""
    if type(value) is not int or not 0 <= value <= _LAST_MILLISECOND:
        raise InvalidEventError(f"{field}: must be milliseconds from 1970 to 2199")
    seconds, milliseconds = divmod(value, 1000)
    fraction = f".{milliseconds:03}".rstrip("0") if milliseconds else ""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _check_year(utc: datetime, field: str) -> None:
    if utc.year not in YEARS:
        raise InvalidEventError(f"{field}: must be in a year from {YEARS.start} to {YEARS[-1]}")
