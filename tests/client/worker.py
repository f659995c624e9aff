"""A worker in a process of its own, for tests that kill it: a line on its output per record.

A line is `monotonic time, data`: the clock is the machine's, so that lines of several workers can
be put in order.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from tests.client.kinesis_mock import kinesis_client
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.checkpoint_file import FileCheckpoints
from tidelake.client.checkpoints import Checkpoints
from tidelake.client.consumer import Consumer
from tidelake.client.fan_out import FAN_OUT, FanOutTransport, register_consumer
from tidelake.client.lease_table import LeaseTable
from tidelake.client.leases import Leases
from tidelake.client.shard_reader import POLLING
from tidelake.local.endpoint import local_client


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinesis", required=True)
    parser.add_argument("--dynamodb")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--lease-seconds", type=float, default=3.0)
    parser.add_argument("--checkpoint-file", type=Path)
    parser.add_argument("--fan-out")
    parsed = parser.parse_args()
    client = kinesis_client(parsed.kinesis)
    transport: BotoTransport | FanOutTransport = BotoTransport(client)
    if parsed.fan_out:
        transport = FanOutTransport(
            client, register_consumer(client, parsed.stream, parsed.fan_out)
        )
    consumer = Consumer(
        transport,
        parsed.stream,
        checkpoints=_checkpoints(parsed),
        checkpoint_seconds=0.2,
        pace=FAN_OUT if parsed.fan_out else POLLING,
    )
    for record in consumer.follow():
        os.write(1, b"%.6f %s\n" % (time.monotonic(), record.data))


def _checkpoints(parsed: argparse.Namespace) -> Checkpoints:
    if parsed.checkpoint_file is not None:
        return FileCheckpoints(parsed.checkpoint_file, parsed.stream)
    table = LeaseTable(
        local_client("dynamodb", parsed.dynamodb),
        "leases-under-test",
        application="app",
        stream=parsed.stream,
    )
    table.create_if_missing()
    return Leases(table, lease_seconds=parsed.lease_seconds)


if __name__ == "__main__":
    main()
