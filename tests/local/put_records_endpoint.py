"""An endpoint on this machine that takes every record and remembers it, for other processes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class PutRecordsEndpoint:
    """Where records are put, and what was put."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def running_endpoint() -> Iterator[PutRecordsEndpoint]:
    """Serve on a free port of 127.0.0.1 while the block runs."""
    endpoint = PutRecordsEndpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            records = call["Records"]
            endpoint.events += [json.loads(base64.b64decode(one["Data"])) for one in records]
            stored = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
            reply = {"FailedRecordCount": 0, "Records": [stored] * len(records)}
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
