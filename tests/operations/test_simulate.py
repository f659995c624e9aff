from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeClock, FakeStream
from tidelake import cli
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import LineOutcome, SkippedLine
from tidelake.local.stopping import stop_on_signals
from tidelake.operations import simulate as simulate_command
from tidelake.operations.simulate import paced, parse_mix


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> FakeStream:
    fake = FakeStream()
    monkeypatch.setattr(simulate_command, "open_stream", lambda *_: (fake, "events"))
    return fake


def simulate(folder: Path, *arguments: str) -> int:
    return cli.main(
        ["simulate", "--dead-letters", str(folder / "dead.jsonl"),
         "--truth", str(folder / "truth.json"), *arguments]
    )  # fmt: skip


def test_what_arrives_is_what_the_truth_says(
    stream: FakeStream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mix = "web_log=5,sensor=3,change_data=2,app_event=4"
    status = simulate(tmp_path, "--events", "3000", "--mix", mix, "--bad", "3%")
    assert status == 0
    truth = json.loads((tmp_path / "truth.json").read_text())
    arrived = [json.loads(record) for record in stream.stored()]
    by_source = Counter(event["source"] for event in arrived)
    assert sum(counts["lines"] for counts in truth.values()) == 3000
    for source, counts in truth.items():
        parts = {name: count for name, count in counts.items() if name != "lines"}
        assert sum(parts.values()) == counts["lines"]
        assert by_source[source] == counts["lines"] - counts["refused"]
        events = [event for event in arrived if event["source"] == source]
        assert len(events) - len({event["event_id"] for event in events}) == counts["duplicates"]
        yesterday = [event for event in events if event["event_time"] == "yesterday"]
        assert len(yesterday) == counts["unconvertible"]
    refused = sum(counts["refused"] for counts in truth.values())
    assert len((tmp_path / "dead.jsonl").read_text().splitlines()) == refused
    shown = capsys.readouterr().err
    assert f"3,000 lines: {3000 - refused:,} events delivered, {refused} lines rejected" in shown


def test_the_same_seed_sends_the_same_events(stream: FakeStream, tmp_path: Path) -> None:
    for _ in range(2):
        simulate(tmp_path, "--events", "300", "--duplicates", "0", "--seed", "7")
    ids = Counter(json.loads(record)["event_id"] for record in stream.stored())
    assert set(ids.values()) == {2}


def test_a_simulation_ends_on_sigterm_with_everything_delivered(
    stream: FakeStream, tmp_path: Path
) -> None:
    def stop() -> None:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert simulate(tmp_path, "--rate", "100", "--bad", "0", "--duplicates", "0") == 0
    stopper.join()
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert sum(counts["lines"] for counts in truth.values()) == len(stream.stored()) > 0


def endless() -> Iterator[LineOutcome]:
    while True:
        yield SkippedLine("web_log", 1, "header")


def test_lines_come_at_their_rate() -> None:
    clock = FakeClock()
    lines = paced(
        endless(), rate=10, duration_seconds=2, stop=lambda: False, sleep=clock.sleep, clock=clock
    )
    assert len(list(lines)) == 20
    assert sum(clock.slept) == pytest.approx(2)


def test_without_a_rate_the_duration_ends_them() -> None:
    clock = FakeClock()
    lines = paced(
        endless(), rate=None, duration_seconds=3, stop=lambda: False, sleep=clock.sleep, clock=clock
    )
    given = 0
    for _ in lines:
        clock.now += 1
        given += 1
    assert given == 3


def test_no_line_is_made_that_is_not_given() -> None:
    made = []

    def lines() -> Iterator[LineOutcome]:
        for line in endless():
            made.append(line)
            yield line

    stops = iter([False, False, True])
    given = list(
        paced(lines(), rate=None, duration_seconds=None, stop=lambda: next(stops), sleep=time.sleep)
    )
    assert len(given) == len(made) == 2


@pytest.mark.parametrize("text", ["", "a", "a=", "a=1.5", "a=-1", "a=1,a=2", "a=1,"])
def test_a_wrong_mix_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--mix"):
        parse_mix(text)


@pytest.mark.parametrize("share", ["101%", "-1%", "2", "much"])
def test_a_wrong_share_is_refused(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["simulate", f"--bad={share}"])
    assert "--bad" in capsys.readouterr().err


def test_a_signal_asks_for_the_end_and_a_second_ctrl_c_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.sleep(60)
        assert stop.is_requested()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
