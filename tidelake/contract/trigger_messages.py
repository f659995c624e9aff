"""What the trigger is asked through its queue, besides object events, as JSON.

Every message names what it asks for under `tidelake`:

    {"tidelake": "submit", "batch_id": B, "attempt": N}   submit that attempt, if it is still due
    {"tidelake": "retry", "batch_id": B, "reason": R}     try a batch again that was set aside
    {"tidelake": "objects", "objects": [...]}             raw objects that no batch has
    {"tidelake": "maintain"}                              maintain the tables
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tidelake.contract.manifest import RawObject

KIND = "tidelake"
MAINTAIN_BODY = json.dumps({KIND: "maintain"})
_SUBMIT, _RETRY, _OBJECTS, _MAINTAIN = "submit", "retry", "objects", "maintain"


@dataclass(frozen=True)
class Submit:
    """Submit the step of a batch, if that attempt is still the current one."""

    batch_id: str
    attempt: int


@dataclass(frozen=True)
class Retry:
    """Try a batch again that was set aside."""

    batch_id: str


@dataclass(frozen=True)
class Maintain:
    """Run the maintenance of the tables."""


Command = Submit | Retry | Maintain


def submit_body(batch_id: str, attempt: int) -> str:
    return json.dumps({KIND: _SUBMIT, "batch_id": batch_id, "attempt": attempt})


def retry_body(batch_id: str, reason: str) -> str:
    return json.dumps({KIND: _RETRY, "batch_id": batch_id, "reason": reason})


def objects_body(objects: Iterable[RawObject]) -> str:
    return json.dumps({KIND: _OBJECTS, "objects": [asdict(o) for o in objects]})


def parse(document: Mapping[str, Any]) -> Command | list[RawObject]:
    """What a message asks for; KeyError, TypeError or ValueError where it is none of these."""
    kind = document[KIND]
    if kind == _SUBMIT:
        return Submit(_text(document["batch_id"]), int(document["attempt"]))
    if kind == _RETRY:
        return Retry(_text(document["batch_id"]))
    if kind == _OBJECTS:
        return [RawObject(**entry) for entry in document["objects"]]
    if kind == _MAINTAIN:
        return Maintain()
    raise ValueError("no message of tidelake")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
