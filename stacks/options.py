"""Typed options: a frozen dataclass says what may be configured, `parse` refuses everything else.

Each field of a section carries its description and the values allowed, so that the message of a
refusal and the documentation come from the same place.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from tidelake.contract.errors import ConfigurationError

SectionT = TypeVar("SectionT")

_METADATA_KEY = "option"


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The values that one option takes; for a list, the values that each of its entries takes."""

    description: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str | int, ...] = ()
    pattern: str | None = None
    pattern_text: str = ""
    """`pattern` in words."""

    def refuses(self, value: object) -> bool:
        """Whether `value`, of the right type, is outside of what is allowed."""
        if self.choices:
            return value not in self.choices
        if isinstance(value, int) and not isinstance(value, bool):
            too_low = self.minimum is not None and value < self.minimum
            too_high = self.maximum is not None and value > self.maximum
            return too_low or too_high
        if isinstance(value, str) and self.pattern is not None:
            return re.fullmatch(self.pattern, value) is None
        return False

    def describe(self, kind: type) -> str:
        """What is allowed, in words, such as `a whole number from 24 to 8760`."""
        if self.choices:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if kind is bool:
            return "true or false"
        if kind is int:
            return f"a whole number from {self.minimum} to {self.maximum}"
        if self.pattern_text:
            return self.pattern_text
        return "text"


@dataclass(frozen=True)
class Option:
    """One configurable value: its key below the environment, its kind, and its default."""

    key: str
    kind: type
    is_list: bool
    default: object
    allowed: Allowed

    def describe(self) -> str:
        entry = self.allowed.describe(self.kind)
        return f"a list, each {entry}" if self.is_list else entry


@runtime_checkable
class Interlocked(Protocol):
    """A section whose options depend on each other."""

    def problems(self) -> Iterator[tuple[str, object, str]]:
        """What does not fit together: the option, its value, and what is allowed."""
        ...


def option(default: Any, description: str, **allowed: Any) -> Any:
    """A field with its default, its description, and the fields of `Allowed` that apply."""
    rule = Allowed(description=description, **allowed)
    return dataclasses.field(default=default, metadata={_METADATA_KEY: rule})


def options_of(kind: type, prefix: str = "") -> Iterator[Option]:
    """Every option of a section and of the sections in it, in the order of declaration."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        key = f"{prefix}{field.name}"
        if dataclasses.is_dataclass(hints[field.name]):
            yield from options_of(hints[field.name], f"{key}.")
        elif _METADATA_KEY in field.metadata:
            yield _option(key, field, hints[field.name])


def parse(kind: type[SectionT], values: object, key: str, **fixed: object) -> SectionT:
    """Build a section from plain values; `fixed` fills the fields that are not configurable.

    Raises ConfigurationError with the full key for what is unknown, of the wrong type, or not
    allowed.
    """
    if not isinstance(values, Mapping):
        raise ConfigurationError(key, values, "an object with options")
    hints = typing.get_type_hints(kind)
    declared: dict[str, dataclasses.Field[Any]] = {
        field.name: field
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]  # kind is a dataclass
        if field.name not in fixed
    }
    parsed = dict(fixed)
    for name, value in values.items():
        path = f"{key}.{name}"
        if name not in declared:
            raise ConfigurationError(path, value, "one of " + ", ".join(declared))
        if dataclasses.is_dataclass(hints[name]):
            parsed[name] = parse(hints[name], value, path)
        else:
            parsed[name] = _value(_option(path, declared[name], hints[name]), value)
    built = kind(**parsed)
    if isinstance(built, Interlocked):
        for name, value, allowed in built.problems():
            raise ConfigurationError(f"{key}.{name}", value, allowed)
    return built


def _option(key: str, field: dataclasses.Field[Any], hint: Any) -> Option:
    is_list = typing.get_origin(hint) is tuple
    kind = typing.get_args(hint)[0] if is_list else hint
    return Option(key, kind, is_list, field.default, field.metadata[_METADATA_KEY])


def _value(wanted: Option, value: object) -> object:
    if not wanted.is_list:
        _check(wanted, value)
        return value
    if not isinstance(value, list):
        raise ConfigurationError(wanted.key, value, wanted.describe())
    for entry in value:
        _check(wanted, entry)
    if len(set(value)) < len(value):
        raise ConfigurationError(wanted.key, value, f"{wanted.describe()}, and each once")
    return tuple(value)


def _check(wanted: Option, value: object) -> None:
    # A bool is an int to Python, but `true` is no number of shards.
    if type(value) is not wanted.kind or wanted.allowed.refuses(value):
        raise ConfigurationError(wanted.key, value, wanted.describe())
