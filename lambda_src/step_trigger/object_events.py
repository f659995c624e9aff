"""Object events as they arrive: from EventBridge, or as S3's own notifications.

Field names are those of "Amazon S3 Event Notifications with EventBridge" and of "Event message
structure" in the S3 user guide. S3's own notifications encode the key as a form does
(`year%3D2026`, `+` for a space); EventBridge passes it on as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from tidelake.contract import trigger_messages
from tidelake.contract.errors import TidelakeError
from tidelake.contract.manifest import RawObject
from tidelake.contract.trigger_messages import Command

_CREATED = "ObjectCreated:"


class MalformedMessageError(TidelakeError):
    """A message is no object event. The reason names what is missing, never the payload."""


def read_message(message: str | Mapping[str, Any]) -> Command | list[RawObject]:
    """The objects that a message says were created, or what else it asks of the trigger.

    No objects for S3's test and for other events of S3. Raises MalformedMessageError where the
    message is neither an event of S3 nor one of our own, or lacks a field.
    """
    document: object = message
    if isinstance(message, str):
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            raise MalformedMessageError("message is no JSON") from None
    if not isinstance(document, Mapping):
        raise MalformedMessageError("message is no JSON object")
    if trigger_messages.KIND in document:
        return _own(document)
    return _created(document)


def _own(document: Mapping[str, Any]) -> Command | list[RawObject]:
    try:
        return trigger_messages.parse(document)
    except (KeyError, TypeError, ValueError):
        raise MalformedMessageError("message of tidelake lacks a field") from None


def _created(document: Mapping[str, Any]) -> list[RawObject]:
    if document.get("Event") == "s3:TestEvent":
        return []
    if "Records" in document:
        records = _typed(document, "Records", list)
        return [_notified(record) for record in records if _is_creation(record)]
    if _typed(document, "source", str) != "aws.s3":
        raise MalformedMessageError("source is not aws.s3")
    if _typed(document, "detail-type", str) != "Object Created":
        return []
    return [_from_event_bridge(_typed(document, "detail", Mapping))]


def _is_creation(record: object) -> bool:
    if not isinstance(record, Mapping):
        raise MalformedMessageError("record is no JSON object")
    if _typed(record, "eventSource", str) != "aws:s3":
        raise MalformedMessageError("eventSource is not aws:s3")
    return bool(_typed(record, "eventName", str).startswith(_CREATED))


def _notified(record: Mapping[str, Any]) -> RawObject:
    s3 = _typed(record, "s3", Mapping)
    created = _typed(s3, "object", Mapping)
    return RawObject(
        bucket=_text(_typed(s3, "bucket", Mapping), "name"),
        key=unquote_plus(_text(created, "key")),
        version_id=_version(created, "versionId"),
        size=_typed(created, "size", int),
    )


def _from_event_bridge(detail: Mapping[str, Any]) -> RawObject:
    created = _typed(detail, "object", Mapping)
    return RawObject(
        bucket=_text(_typed(detail, "bucket", Mapping), "name"),
        key=_text(created, "key"),
        version_id=_version(created, "version-id"),
        size=_typed(created, "size", int),
    )


def _version(created: Mapping[str, Any], name: str) -> str:
    """The version's id; a bucket without versions has none."""
    return _text(created, name) if name in created else ""


def _text(document: Mapping[str, Any], name: str) -> str:
    """Text that can be written as UTF-8: JSON may hold halves of characters."""
    value: str = _typed(document, name, str)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MalformedMessageError(f"{name} is no valid text") from None
    return value


def _typed(document: Mapping[str, Any], name: str, kind: type) -> Any:
    value = document.get(name)
    if not isinstance(value, kind):
        raise MalformedMessageError(f"{name} is missing or of the wrong type")
    return value
