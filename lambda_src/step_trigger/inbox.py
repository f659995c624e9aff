"""What one invocation was handed: raw objects, commands, what is neither, what is malformed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lambda_src.step_trigger.object_events import MalformedMessageError, read_message
from tidelake.contract.lake import is_raw_data
from tidelake.contract.manifest import RawObject
from tidelake.contract.trigger_messages import Command


@dataclass(frozen=True)
class Message:
    """One message of the queue: what it asks for, and how to hold it back."""

    id: str
    receipt_handle: str
    receives: int
    """How often it was received, this time included."""
    objects: tuple[RawObject, ...] = ()
    command: Command | None = None


@dataclass
class Inbox:
    """The messages of one invocation. An event that came by no queue is one without an id."""

    lake_bucket: str
    messages: list[Message] = field(default_factory=list)
    malformed: list[tuple[str, str]] = field(default_factory=list)
    """Bodies that are no message, each with the reason."""
    seen: int = 0
    ignored: int = 0

    @classmethod
    def of(cls, event: Mapping[str, Any], lake_bucket: str) -> Inbox:
        """Sort an SQS event, or one that S3 or EventBridge sent without a queue.

        Raises MalformedMessageError where an event without a queue is no event of S3.
        """
        inbox = cls(lake_bucket)
        records = event.get("Records", [])
        if not any(record.get("eventSource") == "aws:sqs" for record in records):
            inbox._add(Message("", "", 1), read_message(event))
            return inbox
        for record in records:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            message = Message(record["messageId"], record["receiptHandle"], receives)
            try:
                inbox._add(message, read_message(record["body"]))
            except MalformedMessageError as error:
                inbox.malformed.append((record["body"], str(error)))
        return inbox

    @property
    def objects(self) -> set[RawObject]:
        """The distinct raw objects of all messages."""
        return {raw_object for message in self.messages for raw_object in message.objects}

    def _add(self, message: Message, content: Command | list[RawObject]) -> None:
        """Keep the raw objects of one message; count it as ignored where it holds none."""
        if not isinstance(content, list):
            self.messages.append(replace(message, command=content))
            return
        kept = tuple(self._raw(content))
        self.seen += len(kept)
        self.ignored += len(content) - len(kept) if content else 1
        self.messages.append(replace(message, objects=kept))

    def _raw(self, objects: Iterable[RawObject]) -> Iterable[RawObject]:
        return (o for o in objects if o.bucket == self.lake_bucket and is_raw_data(o.key, o.size))
