"""A Kinesis endpoint that gives the same page again and again, at next to no cost.

`python -m benches.harness.canned_stream PAGES` listens on a free port of 127.0.0.1, prints it, and
serves one shard of `PAGES` pages, as often as an iterator for it is asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE_RECORDS = 5_000

SHARDS = {
    "Shards": [
        {
            "ShardId": "shardId-000000000000",
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)},
            "SequenceNumberRange": {"StartingSequenceNumber": "0", "EndingSequenceNumber": "9"},
        }
    ]
}


@contextmanager
def canned_stream(pages: int) -> Iterator[str]:
    """The endpoint of a server of its own, while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benches.harness.canned_stream", str(pages)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def event(number: int) -> bytes:
    """An event of about 500 bytes."""
    return json.dumps(
        {
            "event_id": f"{number:032x}",
            "event_time": "2026-01-31T08:15:02.123456Z",
            "ingest_time": "2026-01-31T08:15:03.000000Z",
            "source": "web_log",
            "event_type": "GET",
            "schema_version": 1,
            "client_address": f"192.0.2.{number % 250}",
            "method": "GET",
            "target": f"/products/{number}/reviews?page={number % 9}&order=newest",
            "protocol": "HTTP/1.1",
            "status": 200,
            "response_bytes": 5_000 + number,
            "referrer": "https://shop.example.org/categories/outdoor/tents",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari",
        }
    ).encode()


def _page() -> bytes:
    records = [
        {
            "SequenceNumber": f"{number:056}",
            "ApproximateArrivalTimestamp": 1_769_847_303.123 + number / 1_000,
            "Data": b64encode(event(number)).decode(),
            "PartitionKey": f"192.0.2.{number % 250}",
            "EncryptionType": "KMS",
        }
        for number in range(PAGE_RECORDS)
    ]
    return json.dumps({"Records": records, "MillisBehindLatest": 0}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pages = 0
    page = b""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        action = self.headers["X-Amz-Target"].rpartition(".")[2]
        if action == "ListShards":
            reply = json.dumps(SHARDS).encode()
        elif action == "GetShardIterator":
            reply = b'{"ShardIterator": "0"}'
        else:
            number = int(json.loads(body)["ShardIterator"]) + 1
            following = f'"{number}"' if number < self.pages else "null"
            reply = b'{"NextShardIterator": %s, %s' % (following.encode(), self.page[1:])
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    _Handler.pages, _Handler.page = int(sys.argv[1]), _page()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
