"""The calls of a boto3 Kinesis client that operate a stream, as AWS answers and refuses them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

KEY_SPACE = 2**128


class StreamApi:
    """One stream named `events`. After an update it stays UPDATING for so many looks at it, and
    before that is seen as it was for `stale_polls` looks."""

    def __init__(
        self,
        *,
        shards: int,
        mode: str = "PROVISIONED",
        status: str = "ACTIVE",
        updating_polls: int = 0,
        stale_polls: int = 0,
        updates_left: int = 10,
        retention_hours: int = 24,
    ) -> None:
        self.shards = shards
        self.mode = mode
        self.updates: list[int] = []
        self.retention_hours = retention_hours
        self._seen_shards = shards
        self._stale_polls = stale_polls
        self._stale_left = 0
        self._updating_polls = updating_polls
        self._polls_left = updating_polls if status == "UPDATING" else 0
        self._updates_left = updates_left

    def describe_stream_summary(self, **query: str) -> dict[str, Any]:
        self._check("DescribeStreamSummary", query)
        if self._stale_left:
            self._stale_left -= 1
            status = "ACTIVE"
        else:
            self._seen_shards = self.shards
            status = "UPDATING" if self._polls_left else "ACTIVE"
            self._polls_left = max(0, self._polls_left - 1)
        return {
            "StreamDescriptionSummary": {
                "StreamName": "events",
                "StreamStatus": status,
                "StreamModeDetails": {"StreamMode": self.mode},
                "RetentionPeriodHours": self.retention_hours,
                "EncryptionType": "KMS",
                "ConsumerCount": 0,
            }
        }

    def list_shards(self, **query: str) -> dict[str, Any]:
        self._check("ListShards", query)
        bounds = [
            KEY_SPACE * number // self._seen_shards for number in range(self._seen_shards + 1)
        ]
        return {
            "Shards": [
                {
                    "ShardId": f"shardId-{number:012}",
                    "HashKeyRange": {
                        "StartingHashKey": str(bounds[number]),
                        "EndingHashKey": str(bounds[number + 1] - 1),
                    },
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                }
                for number in range(self._seen_shards)
            ]
        }

    def update_shard_count(self, **query: Any) -> None:
        self._check("UpdateShardCount", query)
        target = query["TargetShardCount"]
        assert query["ScalingType"] == "UNIFORM_SCALING"
        too_far = target > 2 * self.shards or 2 * target < self.shards
        if too_far or not self._updates_left:
            raise _error("UpdateShardCount", "LimitExceededException")
        if self._polls_left:
            raise _error("UpdateShardCount", "ResourceInUseException")
        self.updates.append(target)
        self.shards = target
        self._updates_left -= 1
        self._polls_left = self._updating_polls
        self._stale_left = self._stale_polls

    def increase_stream_retention_period(self, **query: Any) -> None:
        assert query["RetentionPeriodHours"] > self.retention_hours
        self.retention_hours = query["RetentionPeriodHours"]

    def decrease_stream_retention_period(self, **query: Any) -> None:
        assert query["RetentionPeriodHours"] < self.retention_hours
        self.retention_hours = query["RetentionPeriodHours"]

    def _check(self, operation: str, query: dict[str, Any]) -> None:
        if query["StreamName"] != "events":
            raise _error(operation, "ResourceNotFoundException")


def _error(operation: str, code: str) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, operation)
