"""A Kinesis endpoint that costs next to nothing, so that a benchmark measures its client.

    python benches/harness/null_kinesis.py [--fail PERCENT] [--shards N] [--seed N] [--ledger]

Binds a free port of 127.0.0.1 and prints its URL. Answers PutRecords, PutRecord, ListShards and
DescribeStream(Summary). `--fail` lets that share of the records fail as throttled, at random
positions that the seed fixes. Nothing is kept, unless `--ledger` asks for it:

    GET /stats    counts: requests, records, accepted, failed
    GET /ledger   with --ledger, the data of every record that was accepted, base64, in order
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import urllib.request
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, cast

_SEQUENCE_NUMBER = "4959033827149025660855969253836157109592157598913658"
_STORED = f'{{"SequenceNumber":"{_SEQUENCE_NUMBER}","ShardId":"shardId-000000000000"}}'
_THROTTLED = '{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded"}'
_PATTERNS = 16
"""How many patterns of failures there are for calls of one size, used in turn."""


def _reply(body: bytes, content_type: str = "application/x-amz-json-1.1") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _shards(count: int) -> list[dict[str, object]]:
    bounds = [2**128 * number // count for number in range(count + 1)]
    return [
        {
            "ShardId": f"shardId-{number:012d}",
            "HashKeyRange": {
                "StartingHashKey": str(bounds[number]),
                "EndingHashKey": str(bounds[number + 1] - 1),
            },
            "SequenceNumberRange": {"StartingSequenceNumber": _SEQUENCE_NUMBER},
        }
        for number in range(count)
    ]


class NullStream:
    """What every connection sees: canned replies, and counts."""

    def __init__(self, *, fail_percent: float, shards: int, seed: int, ledger: bool) -> None:
        self.counts = Counter(requests=0, records=0, accepted=0, failed=0)
        self.ledger: list[str] | None = [] if ledger else None
        self._fail_percent = fail_percent
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._replies: dict[int, Iterator[tuple[list[bool], bytes]]] = {}
        listed = _shards(shards)
        about = {"StreamName": "events", "StreamStatus": "ACTIVE", "OpenShardCount": shards}
        described = {
            **about,
            "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
            "RetentionPeriodHours": 24,
            "EnhancedMonitoring": [],
            "StreamCreationTimestamp": 1_700_000_000,
        }
        self._fixed = {
            b"putrecord": _reply(_STORED.encode()),
            b"listshards": _reply(json.dumps({"Shards": listed}).encode()),
            b"describestream": _reply(
                json.dumps(
                    {"StreamDescription": {**described, "Shards": listed, "HasMoreShards": False}}
                ).encode()
            ),
            b"describestreamsummary": _reply(
                json.dumps({"StreamDescriptionSummary": described}).encode()
            ),
        }

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole reply to one request; `head` in small letters."""
        if head.startswith(b"get /stats"):
            return _reply(json.dumps(self.counts).encode(), "application/json")
        if head.startswith(b"get /ledger"):
            return _reply(json.dumps(self.ledger).encode(), "application/json")
        operation = head.partition(b"kinesis_20131202.")[2].partition(b"\r\n")[0]
        if operation == b"putrecords":
            return self._put_records(body)
        if operation == b"putrecord":
            self._count([False])
        return self._fixed.get(operation, _reply(b"{}"))

    def _put_records(self, body: bytes) -> bytes:
        count = body.count(b'"PartitionKey"')
        if count not in self._replies:
            self._replies[count] = cycle([self._pattern(count) for _ in range(_PATTERNS)])
        failed, reply = next(self._replies[count])
        self._count(failed)
        if self.ledger is not None:
            records = json.loads(body)["Records"]
            self.ledger += [
                record["Data"] for record, bad in zip(records, failed, strict=True) if not bad
            ]
        return reply

    def _pattern(self, count: int) -> tuple[list[bool], bytes]:
        failed = [self._random.random() * 100 < self._fail_percent for _ in range(count)]
        results = ",".join(_THROTTLED if bad else _STORED for bad in failed)
        return failed, _reply(
            f'{{"FailedRecordCount":{sum(failed)},"Records":[{results}]}}'.encode()
        )

    def _count(self, failed: list[bool]) -> None:
        bad = sum(failed)
        counts = self.counts
        counts["requests"] += 1
        counts["records"] += len(failed)
        counts["failed"] += bad
        counts["accepted"] += len(failed) - bad


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as AWS clients need it: keep-alive, Content-Length, Expect."""

    def __init__(self, stream: NullStream) -> None:
        self._stream = stream
        self._received: deque[bytes] = deque()
        self._size = 0
        self._wanted = 0
        self._head = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by its methods alone.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._size += len(data)
        while self._size and self._size >= self._wanted:
            content = b"".join(self._received)
            self._received.clear()
            if not self._head:
                head, end, content = content.partition(b"\r\n\r\n")
                if not end:
                    self._keep(head)
                    return
                self._head = head.lower()
                length = self._head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                self._wanted = int(length) if length else 0
                if b"expect: 100-continue" in self._head and len(content) < self._wanted:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(content) < self._wanted:
                self._keep(content)
                return
            body, rest = content[: self._wanted], content[self._wanted :]
            self._transport.write(self._stream.answer(self._head, body))
            self._head, self._wanted = b"", 0
            self._keep(rest)

    def _keep(self, content: bytes) -> None:
        self._received.clear()
        if content:
            self._received.append(content)
        self._size = len(content)


async def _serve(stream: NullStream) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(stream), "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


class RunningNullKinesis:
    """A null endpoint in a process of its own."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def counts(self) -> dict[str, int]:
        """Requests, records, accepted, failed."""
        counts: dict[str, int] = self._get("stats")
        return counts

    def ledger(self) -> list[bytes]:
        """The data of every accepted record, in the order of arrival."""
        return [b64decode(data) for data in self._get("ledger")]

    def _get(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.endpoint}/{what}", timeout=60) as reply:  # noqa: S310 - loopback
            return json.load(reply)


@contextmanager
def null_kinesis(
    *arguments: str, python: Path | str = sys.executable
) -> Iterator[RunningNullKinesis]:
    """Run one while the block does."""
    command = [str(python), str(Path(__file__)), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield RunningNullKinesis(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fail", type=float, default=0.0, metavar="PERCENT")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7, help="of the failures")
    parser.add_argument("--ledger", action="store_true")
    parsed = parser.parse_args()
    stream = NullStream(
        fail_percent=parsed.fail, shards=parsed.shards, seed=parsed.seed, ledger=parsed.ledger
    )
    try:
        import uvloop
    except ImportError:
        asyncio.run(_serve(stream))
    else:
        uvloop.run(_serve(stream))


if __name__ == "__main__":
    main()
