from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tests.client.packing import packed
from tidelake.client.checkpoint_file import FileCheckpoints
from tidelake.client.checkpoints import Checkpoint, Checkpoints, MemoryCheckpoints
from tidelake.client.consumer import Consumer
from tidelake.client.transport import LATEST, TRIM_HORIZON, Position, Record
from tidelake.contract.errors import ConfigurationError


def consumer_for(
    stream: FakeStream, checkpoints: Checkpoints, *, start: Position = TRIM_HORIZON
) -> Consumer:
    return Consumer(
        stream,
        stream.name,
        start=start,
        checkpoints=checkpoints,
        clock=stream.clock,
        sleep=stream.clock.sleep,
    )


def put(stream: FakeStream, *numbers: int) -> None:
    records = [Record(b"%d" % number, f"key-{number % 4}") for number in numbers]
    stream.put_records(stream.name, records)


def run(
    stream: FakeStream, path: Path, *, start: Position = TRIM_HORIZON, limit: int | None = None
) -> list[bytes]:
    """One run of an application: every record that it was given is done."""
    checkpoints = FileCheckpoints(path, stream.name)
    with consumer_for(stream, checkpoints, start=start) as consumer:
        read = [record.data for record in islice(consumer.read_to_tip(), limit)]
        consumer.checkpoint()
    return read


def test_a_second_run_goes_on_after_the_last_record_of_the_first(tmp_path: Path) -> None:
    stream = FakeStream(shards=1)
    put(stream, *range(10))
    assert run(stream, tmp_path / "c.json", limit=4) == [b"0", b"1", b"2", b"3"]
    assert run(stream, tmp_path / "c.json") == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert run(stream, tmp_path / "c.json") == []


def test_what_was_not_asked_past_comes_again_after_a_crash(tmp_path: Path) -> None:
    stream = FakeStream(shards=1)
    put(stream, *range(3))
    checkpoints = FileCheckpoints(tmp_path / "c.json", stream.name)
    records = consumer_for(stream, checkpoints).read_to_tip()
    assert next(records).data == b"0"
    stream.clock.sleep(2)
    assert next(records).data == b"1"
    checkpoints.close()  # as its process dies
    assert run(stream, tmp_path / "c.json") == [b"1", b"2"]


def test_a_run_ends_within_an_aggregated_record_and_the_next_goes_on_there(tmp_path: Path) -> None:
    stream = FakeStream(shards=1)
    put(stream, 1)
    stream.put_records(stream.name, [Record(packed(b"a", b"b", b"c"), "k")])
    put(stream, 2)
    assert run(stream, tmp_path / "c.json", limit=3) == [b"1", b"a", b"b"]
    saved = json.loads((tmp_path / "c.json").read_text())["checkpoints"]
    assert saved == {"shardId-000000000000": "00000000000000000002.1"}
    assert run(stream, tmp_path / "c.json") == [b"c", b"2"]


def test_latest_is_pinned_when_an_application_begins(tmp_path: Path) -> None:
    stream = FakeStream(shards=2)
    stream.clock.now = datetime.now(UTC).timestamp() - 100
    put(stream, *range(4))
    stream.clock.now += 101
    assert run(stream, tmp_path / "c.json", start=LATEST) == []
    stream.clock.now += 100
    put(stream, 5)
    assert run(stream, tmp_path / "c.json", start=LATEST) == [b"5"]


def test_children_of_a_split_are_read_from_their_start_whatever_the_origin(tmp_path: Path) -> None:
    stream = FakeStream(shards=1)
    start = datetime.fromtimestamp(stream.clock(), UTC)
    run(stream, tmp_path / "c.json", start=Position.at(start))
    stream.split(stream.shard_ids()[0])
    # Stamped before the start by another machine's clock.
    stream.clock.now -= 60
    put(stream, *range(4))
    assert sorted(run(stream, tmp_path / "c.json")) == [b"0", b"1", b"2", b"3"]


def test_a_shard_that_was_read_to_its_end_is_not_read_again(tmp_path: Path) -> None:
    stream = FakeStream(shards=1)
    put(stream, 1)
    stream.split(stream.shard_ids()[0])
    assert run(stream, tmp_path / "c.json") == [b"1"]
    stream.iterators_given.clear()
    run(stream, tmp_path / "c.json")
    assert stream.shard_ids()[0] not in {shard_id for shard_id, _ in stream.iterators_given}


def test_a_checkpoint_is_on_the_disk_before_it_replaces_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    checkpoints = FileCheckpoints(tmp_path / "c.json", "events")
    checkpoints.claim([], TRIM_HORIZON)
    replace = Path.replace

    def replacing(new: Path, old: Path) -> Path:
        order.append("replace")
        return replace(new, old)

    monkeypatch.setattr(os, "fsync", lambda _handle: order.append("fsync"))
    monkeypatch.setattr(Path, "replace", replacing)
    checkpoints.save("shardId-0", Checkpoint("7"))
    checkpoints.close()
    assert order == ["fsync", "replace", "fsync"]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    first = FileCheckpoints(path, "events")
    program = (
        "import sys, pathlib\n"
        "from tidelake.client.checkpoint_file import FileCheckpoints\n"
        "FileCheckpoints(pathlib.Path(sys.argv[1]), 'events')\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    first.close()
    allowed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process uses it" in refused.stderr
    assert allowed.returncode == 0


def test_memory_is_refused_to_a_forked_child(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = MemoryCheckpoints()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ConfigurationError, match="use by the process that made them"):
        checkpoints.claim([], TRIM_HORIZON)


def test_a_shard_that_is_not_held_any_more_is_not_read() -> None:
    class Lost(MemoryCheckpoints):
        def holds(self, shard_id: str) -> bool:  # noqa: ARG002  none is
            return False

    stream = FakeStream(shards=2)
    put(stream, *range(4))
    assert list(consumer_for(stream, Lost()).read_to_tip()) == []
    assert stream.reads == []


def test_checkpoints_of_another_stream_are_refused(tmp_path: Path) -> None:
    stream = FakeStream(shards=1)
    run(stream, tmp_path / "c.json")
    with pytest.raises(ConfigurationError, match="it is of data stream 'events'"):
        FileCheckpoints(tmp_path / "c.json", "others")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stream": "events", "origin": 1}', "\x00"])
def test_a_file_that_holds_no_checkpoints_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="it holds none"):
        FileCheckpoints(path, "events")
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["123", "123.0", "123.45", "SHARD_END"])
def test_a_checkpoint_survives_being_written(text: str) -> None:
    assert Checkpoint.from_text(text).to_text() == text
