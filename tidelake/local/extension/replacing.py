"""Replacing MiniStack's private functions, and noticing when they are not what we know."""

from __future__ import annotations

import inspect
from collections.abc import Callable, MutableMapping
from typing import Any

from tidelake.contract.errors import LocalAwsError


def replace_function(owner: Any, name: str, replacement: Callable[..., Any]) -> Callable[..., Any]:
    """Put `replacement` in the place of `owner.name`; returns what was there.

    Raises LocalAwsError where the function is missing or takes other parameters.
    """
    original = getattr(owner, name, None)
    _require_alike(original, replacement, f"{owner.__name__}.{name}")
    setattr(owner, name, replacement)
    return original  # type: ignore[return-value]  # _require_alike lets only functions pass


def replace_entry(
    table: MutableMapping[str, Any], key: str, replacement: Callable[..., Any], where: str
) -> Callable[..., Any]:
    """Put `replacement` under `key` of a dispatch table; returns what was there.

    Raises LocalAwsError where the entry is missing or takes other parameters; `where` names the
    table in its message.
    """
    original = table.get(key)
    _require_alike(original, replacement, f"{where}[{key!r}]")
    table[key] = replacement
    return original  # type: ignore[return-value]  # _require_alike lets only functions pass


def require_functions(owner: Any, *names: str) -> None:
    """Raise LocalAwsError unless `owner` has all these functions, which the extension calls."""
    for name in names:
        if not callable(getattr(owner, name, None)):
            raise LocalAwsError(_message(f"{owner.__name__}.{name}", "missing"))


def _require_alike(original: object, replacement: Callable[..., Any], where: str) -> None:
    if not callable(original):
        raise LocalAwsError(_message(where, "missing"))
    found = list(inspect.signature(original).parameters)
    known = list(inspect.signature(replacement).parameters)
    if found != known:
        raise LocalAwsError(_message(where, f"taking {found}, not {known}"))


def _message(where: str, what: str) -> str:
    return f"this MiniStack does not fit: {where} is {what}; install the pinned requirements"
