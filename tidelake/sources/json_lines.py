"""JSON objects out of lines, strictly: one place for the limits of every source.

The standard library's scanner is used since it can tell duplicate keys; orjson, which is faster,
takes the last of them and turns large integers into floats without a word. Its hooks for numbers
would be called for each one, so a regular expression first looks whether a line can need them.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from tidelake.contract.errors import InvalidEventError

MAX_DEPTH = 32
"""Objects and arrays in each other; deeper ones have no use in a record."""

INTEGERS = range(-(2**63), 2**63)
"""What a column of the lake, and every reader of JSON in Java, can hold."""

_EXTREME_NUMBER = re.compile(r"[0-9]{19}|[0-9.][eE]\+?[0-9]{3}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

JsonObject = dict[str, object]


def load_object(text: str, field: str = "line") -> JsonObject:
    """The object that a text holds.

    Raises InvalidEventError, which names `field` and the rule and never quotes, for what is no
    JSON object, has a key twice, a number that is not finite or an integer of more than 64 bits,
    a lone surrogate, or is nested deeper than MAX_DEPTH.
    """
    decoder = _CAREFUL if _EXTREME_NUMBER.search(text) else _FAST
    try:
        value = decoder.decode(text)
        if text.count("{") + text.count("[") > MAX_DEPTH:
            _check_depth(value, MAX_DEPTH)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except _BrokenRule as broken:
        raise InvalidEventError(f"{field}: {broken}") from None
    except RecursionError:
        raise InvalidEventError(f"{field}: {_TOO_DEEP}") from None
    except UnicodeEncodeError:
        raise InvalidEventError(f"{field}: must have no lone surrogate") from None
    except ValueError:
        raise InvalidEventError(f"{field}: must be JSON") from None
    if not isinstance(value, dict):
        raise InvalidEventError(f"{field}: must be a JSON object")
    return value


def dump(value: object) -> str:
    """A value as compact JSON with sorted names: equal values give equal texts."""
    return _dump(value)


class _BrokenRule(Exception):  # noqa: N818 - no error of its own, the reason of one
    pass


_TOO_DEEP = f"must have at most {MAX_DEPTH} objects and arrays in each other"
_dump = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def _object(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _BrokenRule("must have each key once")
    return found


def _constant(_: str) -> NoReturn:
    raise _BrokenRule("must have finite numbers only")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _constant(text)
    return number


def _integer(text: str) -> int:
    # Longer than any allowed: Python itself refuses to read 4,300 digits and more.
    if len(text) > 20 or (number := int(text)) not in INTEGERS:
        raise _BrokenRule("must have integers of at most 64 bits")
    return number


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, dict | list):
        if left == 0:
            raise _BrokenRule(_TOO_DEEP)
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)


_FAST = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
)
