"""The transport over boto3: Kinesis as AWS, moto and the local AWS offer it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from tidelake.client.transport import Outcome, Page, Position, ReceivedRecord, Record, Shard
from tidelake.contract.errors import TransportError

RETRYABLE_CODES = frozenset(
    (
        "InternalFailure",
        "InternalFailureException",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestTimeout",
        "ServiceUnavailable",
        "ThrottlingException",
    )
)
"""Kinesis API reference, "Common Errors" and the errors of PutRecords and GetRecords."""

MAX_PAGE_RECORDS = 10_000


class BotoTransport:
    """Puts and reads through a boto3 Kinesis client; safe to share between threads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    def connect(cls, *, endpoint: str | None = None, region: str | None = None) -> Self:
        """A transport to AWS, or to `endpoint`, with boto3's own search for region and credentials.

        Connecting may take 5 s, a reply 15 s. Retries are off: the producer and the consumer
        retry themselves, and know which records failed.
        """
        config = Config(
            connect_timeout=5,
            read_timeout=15,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        return cls(
            boto3.client("kinesis", endpoint_url=endpoint, region_name=region, config=config)
        )

    def put_records(self, stream: str, records: Sequence[Record]) -> Sequence[Outcome]:
        entries = [{"Data": data, "PartitionKey": key} for data, key in records]
        with transport_errors("PutRecords", stream):
            reply = self._client.put_records(StreamName=stream, Records=entries)
        outcomes = [
            Outcome(
                result.get("ErrorCode"), result.get("ShardId", ""), result.get("SequenceNumber", "")
            )
            for result in reply["Records"]
        ]
        if len(outcomes) != len(entries):
            raise TransportError("PutRecords", stream, "IncompleteReply", retryable=True)
        return outcomes

    def list_shards(self, stream: str) -> list[Shard]:
        shards: list[Shard] = []
        query = {"StreamName": stream}
        while query:
            with transport_errors("ListShards", stream):
                reply = self._client.list_shards(**query)
            shards.extend(shard_of(entry) for entry in reply["Shards"])
            query = {"NextToken": reply["NextToken"]} if reply.get("NextToken") else {}
        return shards

    def shard_iterator(self, stream: str, shard_id: str, position: Position) -> str:
        query: dict[str, object] = {"ShardIteratorType": position.type}
        if position.sequence_number is not None:
            query["StartingSequenceNumber"] = position.sequence_number
        if position.timestamp is not None:
            query["Timestamp"] = position.timestamp
        with transport_errors("GetShardIterator", stream):
            reply = self._client.get_shard_iterator(StreamName=stream, ShardId=shard_id, **query)
        return str(reply["ShardIterator"])

    def get_records(self, stream: str, shard_id: str, iterator: str) -> Page:
        with transport_errors("GetRecords", stream):
            reply = self._client.get_records(ShardIterator=iterator, Limit=MAX_PAGE_RECORDS)
        records = [
            ReceivedRecord(
                data=entry["Data"],
                partition_key=entry["PartitionKey"],
                sequence_number=entry["SequenceNumber"],
                shard_id=shard_id,
                arrived=entry["ApproximateArrivalTimestamp"],
            )
            for entry in reply["Records"]
        ]
        # Some stand-ins of Kinesis write an empty string for an ended shard.
        next_iterator = reply.get("NextShardIterator")
        return Page(
            records, next_iterator if next_iterator else None, reply.get("MillisBehindLatest", 0)
        )

    def leave_shard(self, shard_id: str) -> None:
        """Nothing is held for a shard: each call stands alone."""


def shard_of(entry: dict[str, Any]) -> Shard:
    """A shard of a reply of ListShards."""
    parents = (entry.get("ParentShardId"), entry.get("AdjacentParentShardId"))
    return Shard(
        shard_id=entry["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        closed="EndingSequenceNumber" in entry["SequenceNumberRange"],
        ending_hash_key=int(entry["HashKeyRange"]["EndingHashKey"]),
    )


@contextmanager
def transport_errors(operation: str, stream: str) -> Iterator[None]:
    """Turn botocore's errors into TransportError; their texts, which may quote data, stay out."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "Unknown")
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        retryable = code in RETRYABLE_CODES or status >= 500
        raise TransportError(operation, stream, code, retryable=retryable) from error
    except (NoConnectionError, HTTPClientError, ResponseParserError) as error:
        raise TransportError(operation, stream, type(error).__name__, retryable=True) from error
    except BotoCoreError as error:
        raise TransportError(operation, stream, type(error).__name__, retryable=False) from error
