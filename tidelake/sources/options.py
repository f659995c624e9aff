"""What a user may say about an input that its lines do not say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidelake.contract.errors import ConfigurationError
from tidelake.contract.schema import CHANGE_DATA, SENSOR, Source

SETTABLE = {SENSOR.name: ("device_id", "sensor_type", "unit", "location")}
"""Fields, by source, that may be set for a whole input."""

CRITICAL_FIELDS = ("status", "email", "total_amount")
"""Columns whose update counts as critical, unless others are named."""


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Options of one input.

    `origin` tells apart inputs that may begin with the same line, such as the logs of two hosts;
    it goes into every `event_id`. `settings` are fields that the lines lack. `key_fields` names
    the columns of a primary key by table, `""` standing for every other table.
    `valid_range` bounds the good readings of a sensor, both ends included.
    """

    origin: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    key_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    critical_fields: tuple[str, ...] = CRITICAL_FIELDS
    valid_range: tuple[float, float] | None = None

    def check(self, source_name: str) -> None:
        """Raise ConfigurationError for an option that this source does not take."""
        if source_name != CHANGE_DATA.name:
            _refuse("--key-fields", self.key_fields, CHANGE_DATA)
            _refuse("--critical-fields", self.critical_fields != CRITICAL_FIELDS, CHANGE_DATA)
        if source_name != SENSOR.name:
            _refuse("--valid-range", self.valid_range is not None, SENSOR)
        _check_text("--origin", self.origin)
        allowed = SETTABLE.get(source_name, ())
        for name, value in self.settings.items():
            if name not in allowed:
                names = ", ".join(allowed) if allowed else f"nothing for the source {source_name}"
                raise ConfigurationError("--set", name, names)
            _check_text("--set", value)

    def origin_of(self, source_name: str) -> str:
        """The source's name, and whatever makes events of equal lines different ones."""
        parts = [f"{name}={value}" for name, value in sorted(self.settings.items())]
        if self.origin:
            parts.insert(0, self.origin)
        return "\0".join([source_name, *parts])


def _refuse(option: str, given: object, source: Source) -> None:
    if given:
        raise ConfigurationError(option, "given", f"with the source {source.name} alone")


def _check_text(option: str, text: str) -> None:
    """Refuse what no event and no id can hold: bytes that are no UTF-8 come as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(option, text, "text in UTF-8") from None


def parse_settings(texts: list[str]) -> dict[str, str]:
    """`NAME=VALUE`, each; ConfigurationError for another form, an empty value or a name twice."""
    settings: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value) or name in settings:
            raise ConfigurationError("--set", text, "NAME=VALUE, each name once")
        settings[name] = value
    return settings


def parse_key_fields(texts: list[str]) -> dict[str, tuple[str, ...]]:
    """`[TABLE=]NAME[,NAME...]`, each; ConfigurationError for another form or a table twice."""
    key_fields: dict[str, tuple[str, ...]] = {}
    for text in texts:
        table, equals, names = text.rpartition("=")
        fields = parse_names("--key-fields", names)
        if table in key_fields or (equals and not table):
            raise ConfigurationError("--key-fields", text, "[TABLE=]NAME[,NAME...], a table once")
        key_fields[table] = fields
    return key_fields


def parse_names(option: str, text: str) -> tuple[str, ...]:
    """`NAME[,NAME...]`; ConfigurationError for an empty name."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ConfigurationError(option, text, "NAME[,NAME...]")
    return names


def parse_range(text: str) -> tuple[float, float]:
    """`LOW:HIGH`; ConfigurationError for another form or an empty range."""
    low, _, high = text.partition(":")
    try:
        bounds = (float(low), float(high))
    except ValueError:
        bounds = (1.0, 0.0)
    if not bounds[0] <= bounds[1]:
        raise ConfigurationError("--valid-range", text, "LOW:HIGH, such as -40:60")
    return bounds
