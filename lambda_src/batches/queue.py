"""The queues as the functions use them: sending, setting aside, holding back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lambda_src.batches.chunks import chunks

_ENTRIES_A_CALL = 10
"""The most that one batch call of SQS takes."""


class Queue:
    """One SQS queue. `client` is a boto3 client, whose ClientError is passed on."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, body: str, *, delay_seconds: int = 0) -> None:
        self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay_seconds)

    def set_aside(self, body: str, reason: str) -> None:
        """Send a message with the reason why it is here as its attribute `reason`."""
        attribute = {"DataType": "String", "StringValue": reason}
        self._client.send_message(
            QueueUrl=self._url, MessageBody=body, MessageAttributes={"reason": attribute}
        )

    def hide(self, receipt_handles: Iterable[str], seconds: int) -> int:
        """Keep received messages hidden for so long; how many could not be.

        Those come back after the queue's own visibility timeout, so no failure is raised.
        """
        failed = 0
        for handles in chunks(receipt_handles, _ENTRIES_A_CALL):
            entries = [
                {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for i, handle in enumerate(handles)
            ]
            reply = self._client.change_message_visibility_batch(
                QueueUrl=self._url, Entries=entries
            )
            failed += len(reply.get("Failed", []))
        return failed
