"""A process that puts events until it is ended: `python sending_process.py ENDPOINT FOLDER RUN`.

Its receipts say what it accepted. With RUN `drain` it puts nothing: what the spool holds goes out.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from tidelake.client.batching import BatchPolicy
from tidelake.client.dead_letters import DeadLetterFile
from tidelake.client.fast_transport import FastTransport
from tidelake.client.options import ProducerOptions
from tidelake.client.producer import Producer
from tidelake.client.retry import RetryPolicy
from tidelake.local.endpoint import local_client


def main() -> None:
    endpoint, folder, run = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    options = ProducerOptions(
        batch=BatchPolicy(linger_seconds=0.01),
        retry=RetryPolicy(first_wait_seconds=0.005),
        aggregate=run.endswith("1"),
        spool=folder / "spool",
        receipts=folder / "receipts.txt",
    )
    with DeadLetterFile(folder / "dead_letters.jsonl") as dead_letters:
        transport = FastTransport(local_client("kinesis", endpoint))
        with Producer(transport, "events", dead_letters, options) as producer:
            if run != "drain":
                for number in count():
                    event_id = f"run-{run}-{number}"
                    producer.put(
                        {"event_id": event_id, "source": "web_log", "target": "x" * 300},
                        wait=number % 50 == 0,
                    )


if __name__ == "__main__":
    main()
