"""`tidelake consume`, down to a strict fake of the stream."""

from __future__ import annotations

import json
import os
import signal
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.client.fake_stream import FakeStream
from tidelake.client.consumer import Consumer
from tidelake.client.transport import TRIM_HORIZON, Record
from tidelake.local.target import Target
from tidelake.operations import consume as consume_command
from tidelake.operations.consume import ConsumeRequest, consume


class Output(StringIO):
    """Standard output of a worker that is told to end after so many lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._left = lines

    def write(self, text: str) -> int:
        written = super().write(text)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return written

    def ids(self) -> list[str]:
        return [json.loads(line)["event_id"] for line in self.getvalue().splitlines()]


def test_a_worker_that_is_told_to_end_leaves_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = FakeStream(shards=1)
    ids = [str(number) for number in range(4)]
    stream.put_records("events", [Record(json.dumps({"event_id": i}).encode(), i) for i in ids])
    monkeypatch.setattr(
        consume_command,
        "_consumer",
        lambda _target, _request, name, checkpoints: Consumer(
            stream, name, checkpoints=checkpoints, clock=stream.clock, sleep=stream.clock.sleep
        ),
    )
    request = ConsumeRequest(
        application="app",
        stream="events",
        start=TRIM_HORIZON,
        checkpoint_file=tmp_path / "checkpoints.json",
        table="",
        lease_seconds=10,
        fan_out=None,
        dead_letter_file=tmp_path / "dead.jsonl",
        limit=None,
        until_tip=True,
    )
    target = Target("local", lambda _service: None)
    outputs = [Output(2), Output(0)]
    for output in outputs:
        monkeypatch.setattr(sys, "stdout", output)
        consume(target, request, Console(file=StringIO()))
    first, second = (output.ids() for output in outputs)
    assert first == ids[:2]
    assert second == ids[len(ids) - len(second) :]
    assert len(first) + len(second) >= len(ids)
