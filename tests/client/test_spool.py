"""The spool: what was accepted outlives the process, whatever happens to the disk's last bytes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelake.client import spool as spool_module
from tidelake.client.spool import Spool, SpooledEvent, frame, read_frames
from tidelake.contract.errors import ConfigurationError, DeliveryError

ONE = SpooledEvent(b'{"event_id":"1"}', "key-1", "web_log")
TWO = SpooledEvent(b'{"event_id":"2"}', "k\xe9y", "sensor")


class OpenSpool:
    """A spool with the lock that its owner holds."""

    def __init__(self, folder: Path) -> None:
        self.lock = threading.Lock()
        self.committed: list[int] = []
        self.spool = Spool(folder, lock=self.lock, on_commit=self.committed.append)

    def append(self, *events: SpooledEvent) -> None:
        with self.lock:
            for event in events:
                self.spool.append(event)
            number = self.spool.appended
        self.spool.wait_committed(number)

    def recovered(self) -> list[SpooledEvent]:
        return [event for event, _ in self.spool.recover()]


@contextmanager
def opened(folder: Path, keep: tuple[SpooledEvent, ...] = ()) -> Iterator[OpenSpool]:
    spool = OpenSpool(folder)
    yield spool
    spool.spool.keep(keep)


def crashed(folder: Path, *events: SpooledEvent) -> None:
    """Leave the folder as a process that was killed after these were committed."""
    folder.mkdir(exist_ok=True)
    number = 1 + len(list(folder.glob("*.segment")))
    (folder / f"{number:010d}.segment").write_bytes(b"".join(frame(event) for event in events))


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_what_was_committed_is_recovered_in_order(tmp_path: Path) -> None:
    crashed(tmp_path, ONE, TWO)
    crashed(tmp_path, TWO)
    with opened(tmp_path) as spool:
        assert spool.recovered() == [ONE, TWO, TWO]


def test_an_appended_event_is_on_the_disk_when_it_is_committed(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append(ONE)
        (segment,) = tmp_path.glob("*.segment")
        assert [event for event, _ in read_frames(segment.read_bytes())] == [ONE]
        assert spool.committed[-1] == 1


def test_commit_means_fsync_of_the_segment_and_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def traced(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().name)
        fsync(file)

    monkeypatch.setattr(os, "fsync", traced)
    with opened(tmp_path) as spool:
        spool.append(ONE)
        assert synced == [tmp_path.name, "0000000001.segment"]
        spool.append(TWO)
        assert synced[2:] == ["0000000001.segment"]


def test_many_callers_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsyncs: list[int] = []
    slow = threading.Event()

    def slow_fsync(file: int) -> None:
        fsyncs.append(file)
        slow.wait(0.05)

    monkeypatch.setattr(os, "fsync", slow_fsync)
    with opened(tmp_path) as spool:
        callers = [threading.Thread(target=spool.append, args=(ONE,)) for _ in range(20)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert spool.committed[-1] == 20
        assert len(fsyncs) <= 6


def test_a_segment_goes_when_its_last_event_is_settled(tmp_path: Path) -> None:
    crashed(tmp_path, ONE, TWO)
    with opened(tmp_path) as spool:
        owed = [segment for _, segment in spool.spool.recover()]
        with spool.lock:
            spool.spool.settle(owed[0])
        assert segments(tmp_path) == ["0000000001.segment"]
        with spool.lock:
            spool.spool.settle(owed[1])
        assert segments(tmp_path) == []


def test_full_segments_go_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 100)
    with opened(tmp_path) as spool:
        for _ in range(6):
            spool.append(ONE)
        assert len(segments(tmp_path)) >= 2


def test_only_what_is_left_is_kept_for_the_next_run(tmp_path: Path) -> None:
    with opened(tmp_path, keep=(TWO,)) as spool:
        spool.append(ONE, TWO)
    with opened(tmp_path) as spool:
        assert spool.recovered() == [TWO]
    assert segments(tmp_path) == []


@given(cut=st.integers(0, 200))
def test_a_torn_end_takes_no_whole_event_down(cut: int) -> None:
    content = frame(ONE) + frame(TWO) + frame(ONE)
    whole = [len(frame(ONE)), len(frame(ONE) + frame(TWO)), len(content)]
    expected = [ONE, TWO, ONE][: sum(end <= cut for end in whole)]
    assert [event for event, _ in read_frames(content[:cut])] == expected


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_byte_takes_down_one_event_at_most(position: int, value: int) -> None:
    events = [SpooledEvent(b"event %d" % number, "k", "s") for number in range(5)]
    content = bytearray(b"".join(frame(event) for event in events))
    content[position % len(content)] = value
    found = [event for event, _ in read_frames(bytes(content))]
    assert len(found) >= 4
    assert set(found) <= set(events)


def test_a_damaged_segment_is_kept_under_another_name_and_counted(tmp_path: Path) -> None:
    crashed(tmp_path, ONE, TWO)
    path = tmp_path / "0000000001.segment"
    path.write_bytes(b"\x00" + path.read_bytes()[1:])
    with opened(tmp_path) as spool:
        for event, segment in spool.spool.recover():
            assert event == TWO
            with spool.lock:
                spool.spool.settle(segment)
        assert spool.spool.damaged_bytes == len(frame(ONE))
    assert segments(tmp_path) == ["0000000001.damaged"]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            OpenSpool(tmp_path)
        allowed = "a folder that no other process uses"
        assert str(caught.value) == f"spool = {str(tmp_path)!r} is not allowed; allowed: {allowed}"


def test_a_full_disk_is_told_to_who_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as spool:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(DeliveryError, match="cannot be written: No space left on device"):
                spool.append(ONE)
        with pytest.raises(DeliveryError, match="No space left"):
            spool.append(TWO)


def test_others_cannot_read_what_may_hold_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with opened(folder) as spool:
        spool.append(ONE)
        assert folder.stat().st_mode & 0o77 == 0
        assert [path.stat().st_mode & 0o77 for path in folder.iterdir()] == [0, 0]
