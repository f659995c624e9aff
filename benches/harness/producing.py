"""One producer at work: `python benches/harness/producing.py SUBJECT ENDPOINT EVENTS`.

Puts so many events and waits until all are sent; prints what that took as JSON. Runs in the
environment of the subject, so it imports nothing but the subject itself.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

Event = dict[str, Any]

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
STREAM = "events"
CLIENTS = 1_000
DISTINCT = 2_000


def events(count: int) -> Iterator[Event]:
    """Web requests of some 490 bytes as JSON, in a dict each, of a thousand clients."""
    distinct = [
        {
            "event_id": f"{number:032x}",
            "event_time": "2026-05-17T10:05:03Z",
            "ingest_time": "2026-05-17T10:05:04Z",
            "source": "web_log",
            "event_type": "request",
            "schema_version": 1,
            "client_address": f"10.{number % CLIENTS // 250}.0.{number % CLIENTS % 250}",
            "method": "GET",
            "target": "/articles/2026/streaming/how-a-record-finds-its-shard/figure-12.png",
            "protocol": "HTTP/1.1",
            "status": 200,
            "response_bytes": 203_023 + number,
            "referrer": "https://example.com/articles/2026/streaming/how-a-record-finds-its",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
        }
        for number in range(DISTINCT)
    ]
    return islice(cycle(distinct), count)


def tidelake(endpoint: str, coming: Iterable[Event], *features: str) -> dict[str, Any]:
    """Ours, with outcomes and statistics on; `features` are transports and options."""
    from tidelake.client.boto_transport import BotoTransport
    from tidelake.client.dead_letters import DeadLetterFile
    from tidelake.client.fast_transport import FastTransport
    from tidelake.client.options import ProducerOptions
    from tidelake.client.producer import Producer
    from tidelake.contract.schema import WEB_LOG
    from tidelake.sources.validate import EventValidator

    outcomes: Counter[str | None] = Counter()
    check = EventValidator(WEB_LOG).check if "validated" in features else None
    kind = FastTransport if "fast" in features else BotoTransport
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        options = ProducerOptions(
            aggregate="aggregated" in features,
            ordered="ordered" in features,
            spool=Path(folder) / "spool" if "spool" in features else None,
        )
        with DeadLetterFile(Path(folder) / "dead_letters.jsonl") as dead_letters:
            producer = Producer(
                kind.connect(endpoint=endpoint),
                STREAM,
                dead_letters,
                options,
                on_outcome=lambda entries, outcome: outcomes.update(
                    {outcome.error_code: len(entries)}
                ),
            )
            wait = "each" in features
            for number, event in enumerate(coming, start=1):
                if check is not None:
                    check(event)
                producer.put(event, wait=wait)
                if number % 1_000_000 == 0:
                    sys.stderr.write(f"{number} {_resident_mib():.0f}\n")
            report = producer.close()
    counted = producer.statistics["web_log"]
    return {"delivered": min(report.delivered, outcomes[None], counted.delivered)}


class QueueingProducer:
    """How the lab notes' producer works: a queue, a thread, `json.dumps`, boto3's PutRecords.

    It counts failed records and forgets them, and at its end what is queued.
    """

    def __init__(self, endpoint: str) -> None:
        import boto3

        self._client = boto3.client("kinesis", endpoint_url=endpoint)
        self._queue: queue.Queue[tuple[Event, str]] = queue.Queue(maxsize=10_000)
        self._running = True
        self.sent: Counter[str] = Counter()
        self.failed = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, event: Event, source: str) -> None:
        record = {**event, "source": source, "ingest_time": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self._queue.put((record, record["client_address"]), timeout=60)

    def stop(self) -> None:
        self._running = False
        self._thread.join()

    def _run(self) -> None:
        batch: list[tuple[Event, str]] = []
        last = time.time()
        while self._running or not self._queue.empty():
            with suppress(queue.Empty):
                batch.append(self._queue.get(timeout=0.1))
            if len(batch) >= 500 or (batch and time.time() - last >= 5):
                self._send(batch)
                batch, last = [], time.time()
        if batch:
            self._send(batch)

    def _send(self, batch: list[tuple[Event, str]]) -> None:
        records = [{"Data": json.dumps(event), "PartitionKey": key} for event, key in batch]
        reply = self._client.put_records(StreamName=STREAM, Records=records)
        self.failed += reply["FailedRecordCount"]
        for event, _ in batch:
            self.sent[event["source"]] += 1


def queueing(endpoint: str, coming: Iterable[Event]) -> dict[str, Any]:
    """The baseline of the targets."""
    producer = QueueingProducer(endpoint)
    for event in coming:
        producer.send(event, "web_log")
    producer.stop()
    return {"delivered": producer.sent.total() - producer.failed}


def plain_boto3(endpoint: str, coming: Iterable[Event]) -> dict[str, Any]:
    """`json.dumps` and put_records, 500 at a time, and nothing else."""
    import boto3

    client = boto3.client("kinesis", endpoint_url=endpoint)
    delivered = 0
    coming = iter(coming)
    while batch := list(islice(coming, 500)):
        records = [
            {"Data": json.dumps(event), "PartitionKey": event["client_address"]} for event in batch
        ]
        reply = client.put_records(StreamName=STREAM, Records=records)
        delivered += len(batch) - reply["FailedRecordCount"]
    return {"delivered": delivered}


def async_kinesis(endpoint: str, coming: Iterable[Event]) -> dict[str, Any]:
    """async-kinesis packing JSON lines, its fastest way, with its rate limits lifted."""
    import asyncio
    import logging

    from kinesis import JsonLineProcessor, Producer

    logging.disable(logging.WARNING)

    async def run() -> int:
        count = 0
        async with Producer(
            STREAM,
            endpoint_url=endpoint,
            region_name="us-east-1",
            processor=JsonLineProcessor(),
            put_rate_limit_per_shard=10**9,
            put_bandwidth_limit_per_shard=10**9,
        ) as producer:
            for event in coming:
                await producer.put(event)
                count += 1
        return count

    return {"delivered": asyncio.run(run())}


def aiokpl(endpoint: str, coming: Iterable[Event]) -> dict[str, Any]:
    """aiokpl, which packs as the KPL does, with its rate limits lifted."""
    import asyncio

    from aiokpl import Config, Producer

    config = Config(
        region="us-east-1",
        endpoint_url=endpoint,
        rate_limit_records_per_sec_per_shard=1e9,
        rate_limit_bytes_per_sec_per_shard=1e12,
    )

    async def run() -> int:
        async with Producer(config) as producer:
            outcomes = [
                await producer.put_record(
                    stream=STREAM,
                    partition_key=event["client_address"],
                    data=json.dumps(event).encode(),
                )
                for event in coming
            ]
            await producer.flush()
            for outcome in outcomes:
                await outcome.wait()
        return len(outcomes)

    return {"delivered": asyncio.run(run())}


def kinesis_producer(endpoint: str, coming: Iterable[Event]) -> dict[str, Any]:
    """kinesis_producer, which joins lines into records of its own limit."""
    os.environ["AWS_ENDPOINT_URL"] = endpoint
    from kinesis_producer import KinesisProducer

    producer = KinesisProducer(
        {
            "aws_region": "us-east-1",
            "buffer_size_limit": 50_000,
            "buffer_time_limit": 0.2,
            "kinesis_concurrency": 1,
            "kinesis_max_retries": 10,
            "record_delimiter": b"\n",
            "stream_name": STREAM,
        }
    )
    count = 0
    for event in coming:
        producer.send(json.dumps(event).encode())
        count += 1
    producer.close()
    producer.join()
    return {"delivered": count}


PEERS: dict[str, Callable[[str, Iterable[Event]], dict[str, Any]]] = {
    "queueing": queueing,
    "plain-boto3": plain_boto3,
    "async-kinesis": async_kinesis,
    "aiokpl": aiokpl,
    "kinesis_producer": kinesis_producer,
}


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def main() -> None:
    subject, endpoint, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    name, *features = subject.split("+")

    def put(coming: Iterable[Event]) -> dict[str, Any]:
        if name == "tidelake":
            return tidelake(endpoint, coming, *features)
        return PEERS[name](endpoint, coming)

    # What is imported and built once is no cost of an event.
    put(events(1_000))
    coming = events(count)
    cpu, wall = time.process_time(), time.monotonic()
    done = put(coming)
    took = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.monotonic() - wall}
    sys.stdout.write(json.dumps({**done, **took, "resident_mib": _resident_mib()}) + "\n")


if __name__ == "__main__":
    main()
