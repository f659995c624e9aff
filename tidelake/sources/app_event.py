"""Events of an application as JSON lines: clicks, views, purchases, and what else it names.

The lines have a schema of their own, with a version (`schema_version`; 1 where a line has none).
Lines of older versions are brought up to the newest one step at a time, by `_STEPS`, so that a
parser of one version is enough and old files can be sent again.

    1   type, ts (milliseconds since 1970), user, session, url, element, product, quantity, price
    2   event_type, event_time, user_id, session_id, page, element, product_id, quantity,
        price (decimal, as text or number), currency
    3   as 2, but amount_minor (an integer of the currency's minor unit) for price
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event, own_event_id
from tidelake.contract.schema import APP_EVENT
from tidelake.sources.files import Line
from tidelake.sources.json_lines import JsonObject, dump, load_object
from tidelake.sources.lines import SkipReason, line_text
from tidelake.sources.options import SourceOptions
from tidelake.sources.timestamps import utc_from_iso, utc_from_milliseconds

NEWEST_VERSION = 3

_FIELDS = frozenset(field.name for field in APP_EVENT.fields) - {"properties"}
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_PRICE = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,8})?\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_INTEGERS = ("quantity", "amount_minor")
_NEEDED = {
    "click": ("element",),
    "view": ("page",),
    "purchase": ("product_id", "amount_minor", "currency"),
}
"""Fields without which an event of a type says nothing."""

_MINOR_DIGITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip
"""Currencies whose minor unit is no hundredth (ISO 4217, list one)."""


class AppEventParser:
    """Parses the lines of one input; it remembers nothing."""

    def __init__(self, options: SourceOptions) -> None:
        del options

    def __call__(self, line: Line, first_line: bytes) -> Event | SkipReason:
        """The event of a line. Its own id (`event_id` or `id`), if it has one, with its time makes
        the event's id, and stays readable among `properties`, with every key outside the table.

        Raises InvalidEventError, which names the field and the rule and never a value.
        """
        del first_line
        given = _upcast(load_object(line_text(line)))
        event: Event = {
            "event_time": utc_from_iso(given.pop("event_time", None)),
            "event_type": _event_type(given.pop("event_type", None)),
        }
        own_id = _own_id(given)
        if own_id is not None:
            event["event_id"] = own_event_id(APP_EVENT.name, own_id, str(event["event_time"]))
        properties = _properties(given)
        # An empty text names nobody and nothing.
        event.update({name: value for name, value in given.items() if value not in (None, "")})
        for name in _INTEGERS:
            # 2.0 is an integer to JSON Schema, and none to a reader of the Parquet files.
            if isinstance(event.get(name), float):
                raise InvalidEventError(f"{name}: must be of type integer")
        for name in _NEEDED.get(str(event["event_type"]), ()):
            if name not in event:
                raise InvalidEventError(f"{name}: is missing in a {event['event_type']}")
        if "currency" in event and not _CURRENCY.match(str(event["currency"])):
            raise InvalidEventError("currency: must be three capital letters (ISO 4217)")
        if properties:
            event["properties"] = dump(properties)
        return event


def _upcast(given: JsonObject) -> JsonObject:
    version = given.pop("schema_version", 1)
    if type(version) is not int or not 1 <= version <= NEWEST_VERSION:
        raise InvalidEventError(f"schema_version: must be from 1 to {NEWEST_VERSION}")
    for step in _STEPS[version - 1 :]:
        given = step(given)
    return given


def _from_1(given: JsonObject) -> JsonObject:
    """Names became those of the field table, and the time a text."""
    renamed = _renamed(
        given,
        {
            "type": "event_type", "ts": "event_time", "user": "user_id", "session": "session_id",
            "url": "page", "product": "product_id",
        },
    )  # fmt: skip
    if "event_time" in renamed:
        renamed["event_time"] = utc_from_milliseconds(renamed["event_time"])
    if renamed.get("price") is not None:
        # Version 1 knew one currency.
        renamed.setdefault("currency", "USD")
    return renamed


def _from_2(given: JsonObject) -> JsonObject:
    """The price became an integer, which sums without an error."""
    price = given.pop("price", None)
    if price is None:
        return given
    currency = given.get("currency")
    if not isinstance(currency, str):
        raise InvalidEventError("currency: is missing beside price")
    if "amount_minor" in given:
        raise InvalidEventError("amount_minor: must not stand beside price")
    return {**given, "amount_minor": _minor_units(price, _MINOR_DIGITS.get(currency, 2))}


def _minor_units(price: object, digits: int) -> int:
    text = "" if isinstance(price, bool) else str(price)
    # Decimal rounds what is longer than its 28 digits.
    if _PRICE.match(text):
        minor = Decimal(text).scaleb(digits)
        if 0 <= minor <= 2**50 and minor == int(minor):
            return int(minor)
    raise InvalidEventError("price: must be a decimal number of whole minor units")


_STEPS: tuple[Callable[[JsonObject], JsonObject], ...] = (_from_1, _from_2)


def _renamed(given: JsonObject, names: dict[str, str]) -> JsonObject:
    renamed: JsonObject = {}
    for name, value in given.items():
        new = names.get(name, name)
        if new in renamed:
            raise InvalidEventError(f"{new}: must be given once")
        renamed[new] = value
    return renamed


def _event_type(value: object) -> str:
    if not isinstance(value, str) or not _TYPE.match(value):
        raise InvalidEventError("event_type: must be small letters, digits and '_', at most 64")
    return value


def _own_id(given: JsonObject) -> str | None:
    own_id = given.get("event_id", given.get("id"))
    if own_id is None:
        return None
    if type(own_id) is int or (isinstance(own_id, str) and 0 < len(own_id) <= 256):
        return str(own_id)
    raise InvalidEventError("event_id: must be a text of 1 to 256 characters or an integer")


def _properties(given: JsonObject) -> JsonObject:
    """Take out of `given` what the field table has no field for."""
    nested = given.pop("properties", None)
    if nested is not None and not isinstance(nested, dict):
        raise InvalidEventError("properties: must be an object")
    properties = dict(nested) if nested is not None else {}
    for name in [name for name in given if name not in _FIELDS]:
        if name in properties:
            raise InvalidEventError("properties: must not repeat a key of the event")
        properties[name] = given.pop(name)
    return properties
