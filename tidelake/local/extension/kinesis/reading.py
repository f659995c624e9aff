"""Reading of closed shards: what GetRecords, ListShards and SubscribeToShard say of their end."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

from ministack.core.responses import StreamingResponse, json_response
from ministack.services import kinesis

from tidelake.local.extension.kinesis.shards import (
    END,
    ShardState,
    Stream,
    children_of,
    is_open,
    open_shards,
)
from tidelake.local.extension.replacing import replace_function, require_functions

POLL_SECONDS = 0.1
JSON_TYPE = "application/x-amz-json-1.1"


def install() -> None:
    """Replace what describes a shard and what reads one."""
    require_functions(kinesis, "_eventstream_message", "_start_position", "_expire_records")

    def shard_out(shard_id: str, shard: ShardState) -> dict[str, Any]:
        described: dict[str, Any] = describe(shard_id, shard)
        if not is_open(shard):
            described["SequenceNumberRange"]["EndingSequenceNumber"] = shard[END]
        return described

    describe = replace_function(kinesis, "_shard_out", shard_out)

    def describe_summary(data: dict[str, Any]) -> Any:
        reply = summarize(data)
        if reply[0] != 200:
            return reply
        _, stream = kinesis._resolve_stream(data)
        document = json.loads(reply[2])
        document["StreamDescriptionSummary"]["OpenShardCount"] = len(open_shards(stream))
        return json_response(document)

    summarize = replace_function(kinesis, "_describe_stream_summary", describe_summary)

    def get_records(data: dict[str, Any]) -> Any:
        state = kinesis._shard_iterators.get(data.get("ShardIterator"))
        reply = read(data)
        if reply[0] != 200 or state is None:
            return reply
        stream = kinesis._streams[state["stream"]]
        return _with_end(reply, stream, state["shard_id"])

    read = replace_function(kinesis, "_get_records", get_records)

    def subscribe(data: dict[str, Any], is_cbor: bool) -> Any:
        reply = check_and_subscribe(data, is_cbor)
        if is_cbor or not isinstance(reply[2], StreamingResponse):
            return reply
        return reply[0], reply[1], StreamingResponse(Subscription(data).run)

    check_and_subscribe = replace_function(kinesis, "_subscribe_to_shard", subscribe)


def _with_end(reply: Any, stream: Stream, shard_id: str) -> Any:
    """The answer, without a next iterator but with the children where a closed shard ends."""
    shard = stream["shards"][shard_id]
    if is_open(shard):
        return reply
    document = json.loads(reply[2])
    following = kinesis._shard_iterators[document["NextShardIterator"]]
    if following["position"] < len(shard["records"]):
        return reply
    del kinesis._shard_iterators[document["NextShardIterator"]]
    document["NextShardIterator"] = None
    document["ChildShards"] = children_of(stream, shard_id)
    return json_response(document)


class Subscription:
    """One answer of SubscribeToShard: events until five minutes are over or the shard ends.

    MiniStack has checked the call and noted the subscription; its own answer never tells of the
    children of a closed shard.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        consumer = kinesis._consumer_from_arn(data["ConsumerARN"])
        self._stream: Stream = kinesis._resolve_stream_by_arn(consumer["StreamARN"])
        self._shard_id: str = data["ShardId"]
        self._key = (data["ConsumerARN"], self._shard_id)
        self._own = kinesis._subscriptions[self._key]
        starting = data["StartingPosition"]
        records = self._shard["records"]
        position = kinesis._start_position(
            records, starting["Type"], starting.get("SequenceNumber", ""), starting.get("Timestamp")
        )
        # Numbers, not places: retention cuts off the front of the list.
        self._after: str = records[position - 1]["SequenceNumber"] if position else ""

    @property
    def _shard(self) -> ShardState:
        shard: ShardState = self._stream["shards"][self._shard_id]
        return shard

    async def run(self, send: Any, receive: Any) -> None:
        gone = asyncio.create_task(_disconnected(receive))
        deadline = time.time() + kinesis.SUBSCRIPTION_SECONDS
        try:
            await _send(send, "initial-response", {})
            last_sent = 0.0
            while not gone.done() and time.time() < deadline and self._is_current():
                event = self._next_event()
                idle = time.time() - last_sent >= kinesis._SUBSCRIPTION_IDLE_SECONDS
                if event["Records"] or "ChildShards" in event or idle:
                    await _send(send, "SubscribeToShardEvent", event)
                    last_sent = time.time()
                if "ChildShards" in event:
                    break
                await asyncio.wait({gone}, timeout=POLL_SECONDS)
        finally:
            gone.cancel()
            if self._is_current():
                kinesis._subscriptions.pop(self._key)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _is_current(self) -> bool:
        return kinesis._subscriptions.get(self._key) is self._own

    def _next_event(self) -> dict[str, Any]:
        shard = self._shard
        closed = not is_open(shard)
        batch = [r for r in shard["records"] if r["SequenceNumber"] > self._after]
        if batch:
            self._after = batch[-1]["SequenceNumber"]
        event: dict[str, Any] = {
            "Records": [_record(record) for record in batch],
            "MillisBehindLatest": 0,
        }
        if closed:
            # Without a number to go on from: that is what the end of a shard looks like.
            return event | {"ChildShards": children_of(self._stream, self._shard_id)}
        going_on = self._after if self._after else shard["starting_sequence_number"]
        return event | {"ContinuationSequenceNumber": going_on}


def _record(record: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode(kinesis._ensure_base64(record["Data"]))
    return record | {"Data": base64.b64encode(data).decode(), "EncryptionType": "NONE"}


async def _disconnected(receive: Any) -> None:
    while (await receive()).get("type") != "http.disconnect":
        pass


async def _send(send: Any, event_type: str, payload: dict[str, Any]) -> None:
    headers = {":message-type": "event", ":event-type": event_type, ":content-type": JSON_TYPE}
    message = kinesis._eventstream_message(headers, json.dumps(payload).encode())
    await send({"type": "http.response.body", "body": message, "more_body": True})
