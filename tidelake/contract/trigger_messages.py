"""What the trigger is asked through its queue, besides object events, as JSON.

Every message names what it asks for under `tidelake`:

    {"tidelake": "submit", "batch_id": B, "attempt": N}   submit that attempt, if it is still due
    {"tidelake": "retry", "batch_id": B, "reason": R}     try a batch again that was set aside
    {"tidelake": "objects", "objects": [...]}             raw objects that no batch has
    {"tidelake": "maintain"}                              maintain the tables
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tidelake.contract.manifest import RawObject

KIND = "tidelake"
MAINTAIN_BODY = json.dumps({KIND: "maintain"})
_BATCH_ID = re.compile(r"[0-9a-f]{32}")
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
        return Submit(_batch_id(document["batch_id"]), _number(document["attempt"]))
    if kind == _RETRY:
        return Retry(_batch_id(document["batch_id"]))
    if kind == _OBJECTS:
        return [_raw_object(entry) for entry in document["objects"]]
    if kind == _MAINTAIN:
        return Maintain()
    raise ValueError("no message of tidelake")


def _raw_object(entry: Mapping[str, Any]) -> RawObject:
    bucket, key, version_id = (_text(entry[name]) for name in ("bucket", "key", "version_id"))
    return RawObject(bucket, key, version_id, _number(entry["size"]))


def _batch_id(value: object) -> str:
    if _BATCH_ID.fullmatch(_text(value)) is None:
        raise ValueError("no id of a batch")
    return str(value)


def _text(value: object) -> str:
    """Text that can be written as UTF-8: JSON may hold halves of characters."""
    if not isinstance(value, str):
        raise TypeError("no text")
    value.encode()
    return value


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("no whole number")
    return value
