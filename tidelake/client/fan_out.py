"""The way out with enhanced fan-out: the stream pushes the records, 2 MiB/s for each reader.

SubscribeToShard answers for at most five minutes with events, over HTTP/2 on AWS; boto3 reads them
as an event stream, over HTTP/1.1. A thread for each shard waits for them, so that the consumer, who
asks all shards in turn, never does.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from tidelake.client.boto_transport import BotoTransport, transport_errors
from tidelake.client.shard_reader import Pace
from tidelake.client.transport import Page, Position, ReceivedRecord, Shard
from tidelake.contract.errors import ConfigurationError, TransportError

FAN_OUT = Pace(busy_seconds=0.0, idle_seconds=0.02)
"""Asking is looking into a queue: it costs no call."""

_WAITING_EVENTS = 8
"""Of one shard; while they wait, nothing more is taken from its connection."""

_ACTIVE_LIMIT_SECONDS = 60
_POLL_SECONDS = 0.5


def register_consumer(
    client: Any, stream: str, name: str, *, sleep: Callable[[float], None] = time.sleep
) -> str:
    """The ARN of the stream's registered consumer of that name, made if it is not there.

    Where it is there, no permission to register is needed. Waits until it is ACTIVE. Raises
    TransportError, or ConfigurationError if it stays otherwise.
    """
    with transport_errors("DescribeStreamSummary", stream):
        summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    consumer = {"StreamARN": summary["StreamARN"], "ConsumerName": name}
    deadline = time.monotonic() + _ACTIVE_LIMIT_SECONDS
    while True:
        found = _registered(client, stream, consumer)
        if found is None:
            made_meanwhile = suppress(client.exceptions.ResourceInUseException)
            with transport_errors("RegisterStreamConsumer", stream), made_meanwhile:
                client.register_stream_consumer(**consumer)
        elif found["ConsumerStatus"] == "ACTIVE":
            return str(found["ConsumerARN"])
        if time.monotonic() > deadline:
            status = "missing" if found is None else found["ConsumerStatus"]
            raise ConfigurationError(f"status of registered consumer {name}", status, "ACTIVE")
        sleep(_POLL_SECONDS)


def _registered(client: Any, stream: str, consumer: Mapping[str, str]) -> Any:
    """The description of a registered consumer, or None."""
    with (
        transport_errors("DescribeStreamConsumer", stream),
        suppress(client.exceptions.ResourceNotFoundException),
    ):
        return client.describe_stream_consumer(**consumer)["ConsumerDescription"]
    return None


class FanOutTransport:
    """Reads as one registered consumer; a ReadTransport, for a Consumer at the pace FAN_OUT.

    Of the workers that share a stream each subscribes to the shards that it leases; all may use
    one registered consumer.
    """

    def __init__(self, client: Any, consumer_arn: str) -> None:
        self._client = client
        self._consumer_arn = consumer_arn
        self._listing = BotoTransport(client)
        self._subscriptions: dict[str, _Subscription] = {}

    def list_shards(self, stream: str) -> Sequence[Shard]:
        return self._listing.list_shards(stream)

    def shard_iterator(self, stream: str, shard_id: str, position: Position) -> str:  # noqa: ARG002
        """No call: an iterator is the position, as text."""
        return _iterator(position)

    def get_records(self, stream: str, shard_id: str, iterator: str) -> Page:
        """The next event that has come, or an empty page."""
        subscription = self._subscriptions.get(shard_id)
        if subscription is None or subscription.next_iterator != iterator:
            self.leave_shard(shard_id)
            subscription = _Subscription(
                self._client, self._consumer_arn, stream, shard_id, iterator
            )
            self._subscriptions[shard_id] = subscription
        page = subscription.take()
        if subscription.is_over:
            self.leave_shard(shard_id)
        return page

    def leave_shard(self, shard_id: str) -> None:
        """End the subscription."""
        subscription = self._subscriptions.pop(shard_id, None)
        if subscription is not None:
            subscription.close()


class _Subscription:
    """One SubscribeToShard call and the thread that reads its answer."""

    def __init__(
        self, client: Any, consumer_arn: str, stream: str, shard_id: str, iterator: str
    ) -> None:
        self.next_iterator: str | None = iterator
        """What the consumer will ask with next."""
        self.is_over = False
        self._client = client
        self._consumer_arn = consumer_arn
        self._stream = stream
        self._shard_id = shard_id
        self._millis_behind = 1
        self._arrived: queue.Queue[Page | TransportError | None] = queue.Queue(_WAITING_EVENTS)
        self._closing = threading.Event()
        self._events: Any = None
        threading.Thread(
            target=self._run, args=(iterator,), name=f"fan-out-{shard_id}", daemon=True
        ).start()

    def take(self) -> Page:
        """What came next; raises the error that ended the subscription."""
        nothing = Page((), self.next_iterator, self._millis_behind)
        try:
            item = self._arrived.get_nowait()
        except queue.Empty:
            return nothing
        if isinstance(item, Page):
            self.next_iterator, self._millis_behind = item.next_iterator, item.millis_behind
            self.is_over = item.next_iterator is None
            return item
        self.is_over = True
        if item is None:
            return nothing
        raise item

    def close(self) -> None:
        self._closing.set()
        if self._events is not None:
            self._events.close()

    def _run(self, iterator: str) -> None:
        end: TransportError | None = None
        try:
            with transport_errors("SubscribeToShard", self._stream):
                reply = self._client.subscribe_to_shard(
                    ConsumerARN=self._consumer_arn,
                    ShardId=self._shard_id,
                    StartingPosition=_starting_position(iterator),
                )
                self._events = reply["EventStream"]
                for event in self._events:
                    if not self._put(self._page(event["SubscribeToShardEvent"])):
                        return
        except TransportError as error:
            # Another worker, or we ourselves, subscribed less than five seconds ago.
            busy = error.code == "ResourceInUseException"
            retryable = error.retryable or busy
            end = TransportError(error.operation, error.stream, error.code, retryable=retryable)
        except Exception as error:
            # Closing the stream under its reader may raise anything.
            code = type(error).__name__
            end = TransportError("SubscribeToShard", self._stream, code, retryable=True)
        self._put(end)

    def _put(self, item: Page | TransportError | None) -> bool:
        """Wait until there is room; False if the subscription was closed meanwhile."""
        while not self._closing.is_set():
            try:
                self._arrived.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def _page(self, event: dict[str, Any]) -> Page:
        records = [
            ReceivedRecord(
                data=entry["Data"],
                partition_key=entry["PartitionKey"],
                sequence_number=entry["SequenceNumber"],
                shard_id=self._shard_id,
                arrived=entry["ApproximateArrivalTimestamp"],
            )
            for entry in event["Records"]
        ]
        # The last event of a closed shard names its children.
        number = None if event.get("ChildShards") else event.get("ContinuationSequenceNumber")
        going_on = _iterator(Position.after(number)) if number else None
        return Page(records, going_on, event["MillisBehindLatest"])


def _iterator(position: Position) -> str:
    timestamp = "" if position.timestamp is None else position.timestamp.isoformat()
    number = "" if position.sequence_number is None else position.sequence_number
    return f"{position.type}/{number}/{timestamp}"


def _starting_position(iterator: str) -> dict[str, Any]:
    kind, number, timestamp = iterator.split("/")
    position: dict[str, Any] = {"Type": kind}
    if number:
        position["SequenceNumber"] = number
    if timestamp:
        position["Timestamp"] = datetime.fromisoformat(timestamp)
    return position
