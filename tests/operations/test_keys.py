from __future__ import annotations

from pathlib import Path

import pytest

from tidelake import cli

LINE = '{} - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512\n'


def simulate(path: Path, shards: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = cli.main(["keys", "simulate", "--file", str(path), "--shards", shards])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_the_picture_shows_each_shard_and_what_it_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.log"
    path.write_text(LINE.format("192.0.2.1") * 9 + LINE.format("192.0.2.2") + "wrong\n")
    status, shown, _ = simulate(path, "2", capsys)
    assert status == 0
    assert "11 lines, 10 events; partition key: client_address" in shown
    bars = [line.count("█") for line in shown.splitlines() if "│" in line and "%" in line]
    assert max(bars) >= 20
    assert "skew 1." in shown or "skew 2.00" in shown
    assert shown.splitlines()[-1].startswith(("even", "uneven", "HOT"))


def test_the_picture_shows_no_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.log"
    path.write_text(LINE.format("192.0.2.77") * 3)
    assert "192.0.2.77" not in "".join(simulate(path, "2", capsys)[1:])


def test_a_file_without_events_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.log"
    path.write_text("wrong\n")
    assert simulate(path, "2", capsys)[::2] == (
        2, "tidelake: nothing would be sent: 0 of 1 lines hold an event\n",
    )  # fmt: skip
    assert simulate(path, "10001", capsys)[2] == (
        "tidelake: --shards = 10001 is not allowed; allowed: from 1 to 10000\n"
    )
