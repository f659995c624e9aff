from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sources.reading import NOW
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import LineOutcome, ParsedLine, RejectedLine
from tidelake.sources.events import EventBuilder, read_events
from tidelake.sources.follow import FollowedFiles
from tidelake.sources.positions import FileMark, PositionFile

Action = Callable[[], object]


def line(number: int) -> str:
    return f'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /{number} HTTP/1.1" 200 512\n'


def lines(first: int, last: int) -> str:
    return "".join(line(number) for number in range(first, last + 1))


def number_of(found: ParsedLine) -> int:
    return int(str(found.event["target"])[1:])


def append(path: Path, text: str) -> Action:
    def write() -> None:
        with path.open("a") as file:
            file.write(text)

    return write


@dataclass
class Run:
    """A process that follows: it takes the next action whenever nothing new comes."""

    folder: Path
    patterns: tuple[str, ...] = ("app.log",)
    found: list[LineOutcome] = field(default_factory=list)
    lost: list[FileMark] = field(default_factory=list)
    refused: list[Path] = field(default_factory=list)
    now: float = 0.0
    on_line: Callable[[int], object] = lambda _: None

    def follow(self, *actions: Action, commits: bool = True, dies: bool = False) -> list[int]:
        """The numbers in the targets of what was read between and after the actions."""
        waiting = list(actions)
        ended = False

        def sleep(seconds: float) -> None:
            nonlocal ended
            self.now += seconds
            if waiting:
                waiting.pop(0)()
            else:
                ended = True

        with PositionFile(self.folder / "positions.json") as positions:
            files = FollowedFiles(
                [str(self.folder / pattern) for pattern in self.patterns],
                EventBuilder("web_log", clock=lambda: NOW),
                positions,
                stop=lambda: ended,
                on_loss=self.lost.append,
                on_refused=self.refused.append,
                clock=lambda: self.now,
                sleep=sleep,
            )
            start = len(self.found)
            for outcome in files:
                self.found.append(outcome)
                if isinstance(outcome, ParsedLine):
                    self.on_line(number_of(outcome))
                if commits:
                    files.commit(outcome.position)
            if not dies:
                files.close()
        return self.numbers(start)

    def numbers(self, start: int = 0) -> list[int]:
        return [number_of(found) for found in self.found[start:] if isinstance(found, ParsedLine)]

    def wait(self) -> None:
        """Longer than a renamed file is read on."""
        self.now += 60


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_lines_are_read_as_they_come(run: Run, log: Path) -> None:
    log.write_text(lines(1, 2))
    assert run.follow(append(log, line(3)), append(log, line(4))) == [1, 2, 3, 4]
    assert [found.position for found in run.found] == [1, 2, 3, 4]


def test_a_file_is_followed_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    run = Run(tmp_path, patterns=("app[1].log",))
    (tmp_path / "app[1].log").write_text(lines(1, 2))
    assert run.follow() == [1, 2]


def test_a_file_that_may_not_be_read_is_told_once_and_read_once_it_may(
    run: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_text(lines(1, 2))

    def refuse(path: Path) -> bool:
        raise PermissionError(f"no permission to read {path}")

    # Permissions do not hold for root, who may run the tests.
    monkeypatch.setattr("tidelake.sources.follow.is_compressed", refuse)
    assert run.follow(lambda: None, lambda: None, monkeypatch.undo) == [1, 2]
    assert run.refused == [log]


def test_followed_lines_have_the_ids_of_the_same_file_read_at_once(run: Run, log: Path) -> None:
    log.write_text(lines(1, 2))
    run.follow(append(log, line(3)))
    read = [found.event for found in read_events(log, "web_log", clock=lambda: NOW)
            if isinstance(found, ParsedLine)]  # fmt: skip
    assert [found.event for found in run.found if isinstance(found, ParsedLine)] == read


def test_a_line_is_read_when_it_is_whole(run: Run, log: Path) -> None:
    log.write_text(lines(1, 1) + line(2)[:20])
    assert run.follow(lambda: None, append(log, line(2)[20:])) == [1, 2]


def test_a_new_file_is_found_while_following(run: Run, log: Path) -> None:
    assert run.follow(append(log, lines(1, 2))) == [1, 2]


def test_all_files_of_a_pattern_are_followed(run: Run, tmp_path: Path) -> None:
    run.patterns = ("*.log", "deep/**/*.log")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.log").write_text(line(1))
    (tmp_path / "deep" / "er" / "b.log").write_text(line(2))
    (tmp_path / "c.txt").write_text(line(3))
    assert sorted(run.follow(append(tmp_path / "d.log", line(4)))) == [1, 2, 4]


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start(
    run: Run, log: Path
) -> None:
    old = log.with_name("app.log.1")
    log.write_text(lines(1, 2))
    found = run.follow(
        lambda: (append(log, line(3))(), log.rename(old), append(log, line(5))()),
        append(old, line(4)),
        append(log, line(6)),
    )
    assert sorted(found) == [1, 2, 3, 4, 5, 6]


def test_a_last_line_without_an_end_is_read_when_its_file_was_left(run: Run, log: Path) -> None:
    log.write_text(line(1) + line(2).rstrip("\n"))
    assert run.follow(lambda: log.rename(log.with_name("app.log.1")), run.wait, run.wait) == [1, 2]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_was_copied_and_emptied_is_finished_in_its_copy(
    run: Run, log: Path, compressed: bool
) -> None:
    log.write_text(lines(1, 2))

    def copy_and_empty() -> None:
        append(log, line(3))()
        if compressed:
            log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        else:
            shutil.copy(log, log.with_name("app.log.1"))
        os.truncate(log, 0)
        append(log, lines(11, 16))()

    assert sorted(run.follow(copy_and_empty)) == [1, 2, 3, *range(11, 17)]
    assert run.lost == []


def test_a_copy_is_finished_also_where_nothing_was_read_since_the_start(
    run: Run, log: Path
) -> None:
    log.write_text(lines(1, 2))
    run.follow()

    def copy_and_empty() -> None:
        append(log, line(3))()
        shutil.copy(log, log.with_name("app.log.1"))
        log.write_text(lines(11, 16))

    first = run.follow(copy_and_empty)
    ids = {str(found.event["target"]): found.event["event_id"] for found in run.found
           if isinstance(found, ParsedLine)}  # fmt: skip
    assert sorted(first) == [3, *range(11, 17)]
    read = [found.event["event_id"] for found in read_events(log.with_name("app.log.1"), "web_log")
            if isinstance(found, ParsedLine)]  # fmt: skip
    assert [ids["/1"], ids["/2"], ids["/3"]] == read


@pytest.mark.parametrize("read", [1, 400])
def test_a_file_that_is_emptied_and_outgrows_its_offset_while_another_is_read_is_no_other_file(
    run: Run, log: Path, read: int
) -> None:
    """As where sending is slow: much happens between the look at a file and the next bytes."""
    run.patterns = ("app.log", "other.txt")
    other = log.with_name("other.txt")
    other.write_text(line(10_001))
    log.write_text(lines(1, read))
    empties = iter(["now"])

    def between() -> None:
        append(log, line(read + 1))()
        shutil.copy(log, log.with_name("app.log.1"))
        log.write_text(lines(1001, 1900))

    def on_line(number: int) -> None:
        if number == 10_002 and next(empties, None):
            between()

    run.on_line = on_line
    found = run.follow(append(other, line(10_002)))
    assert sorted(found) == [*range(1, read + 2), *range(1001, 1901), 10_001, 10_002]
    assert run.lost == []


def test_a_renamed_file_is_read_to_its_end_also_where_another_takes_all_the_time(
    run: Run, log: Path
) -> None:
    run.patterns = ("app.log", "other.txt")
    log.write_text(lines(1, 20_000))
    other = log.with_name("other.txt")

    def on_line(number: int) -> None:
        if number == 1:
            log.rename(log.with_name("app.log.1"))
        if number < 20_000:
            append(other, line(20_000 + number))()
        else:
            run.wait()

    run.on_line = on_line
    assert sorted(run.follow()) == [*range(1, 40_000)]


def test_a_damaged_compressed_copy_is_no_copy(run: Run, log: Path) -> None:
    log.write_text(lines(1, 400))

    def empty() -> None:
        whole = gzip.compress(log.read_bytes())
        log.with_name("app.log.1.gz").write_bytes(whole[: len(whole) // 2])
        log.write_text(line(401))

    assert run.follow(empty) == [*range(1, 402)]
    assert [(Path(mark.path), mark.lines) for mark in run.lost] == [(log, 400)]


def test_what_is_lost_by_emptying_without_a_copy_is_told(run: Run, log: Path) -> None:
    log.write_text(lines(1, 2))
    assert run.follow(lambda: log.write_text(line(7))) == [1, 2, 7]
    assert [(Path(mark.path), mark.lines) for mark in run.lost] == [(log, 2)]


def test_a_later_process_goes_on_after_what_was_committed(run: Run, log: Path) -> None:
    log.write_text(lines(1, 3))
    assert run.follow() == [1, 2, 3]
    append(log, lines(4, 5))()
    assert run.follow() == [4, 5]
    assert run.follow() == []
    assert [found.line for found in run.found] == [1, 2, 3, 4, 5]


def test_what_was_not_committed_comes_again_with_the_same_ids(run: Run, log: Path) -> None:
    log.write_text(lines(1, 2))
    assert run.follow(commits=False) == [1, 2]
    assert run.follow() == [1, 2]
    ids = [found.event["event_id"] for found in run.found if isinstance(found, ParsedLine)]
    assert ids[:2] == ids[2:]


def test_a_process_that_died_had_saved_what_was_committed_a_second_before(
    run: Run, log: Path
) -> None:
    log.write_text(lines(1, 2))
    run.follow(run.wait, append(log, line(3)), dies=True)
    assert run.follow() == [3]


def test_a_file_of_which_nothing_was_read_is_known_again_by_its_inode_alone(
    run: Run, log: Path
) -> None:
    log.with_name("app.log.0").write_text(lines(7, 9))
    log.write_text(line(1)[:20])
    assert run.follow() == []
    append(log, line(1)[20:])()
    log.rename(log.with_name("app.log.1"))
    log.write_text(line(2))
    assert sorted(run.follow()) == [1, 2]


@pytest.mark.parametrize("how", ["rename", "copy", "compress"])
def test_a_rotation_while_no_process_runs_loses_nothing(run: Run, log: Path, how: str) -> None:
    log.write_text(lines(1, 2))
    assert run.follow() == [1, 2]
    append(log, line(3))()
    old = log.with_name("app.log-20260302")
    if how == "rename":
        log.rename(old)
    elif how == "copy":
        shutil.copy(log, old)
        os.truncate(log, 0)
    else:
        old.with_name("app.log-20260302.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
    append(log, line(4))()
    assert sorted(run.follow(run.wait, run.wait)) == [3, 4]
    assert run.follow() == []


def test_a_renamed_file_that_still_matches_is_not_read_again(run: Run, log: Path) -> None:
    run.patterns = ("app.log*",)
    log.write_text(lines(1, 2))
    assert run.follow(lambda: log.rename(log.with_name("app.log.1")), append(log, line(3))) == [
        1, 2, 3,
    ]  # fmt: skip
    assert run.follow() == []


def test_a_compressed_file_is_passed_over(run: Run, log: Path) -> None:
    run.patterns = ("app.log*",)
    log.with_name("app.log.2.gz").write_bytes(gzip.compress(lines(1, 9).encode()))
    log.write_text(line(10))
    assert run.follow() == [10]


def test_rejected_lines_have_positions_too(run: Run, log: Path) -> None:
    log.write_text(line(1) + "wrong\n" + line(2))
    run.follow()
    assert [type(found) for found in run.found] == [ParsedLine, RejectedLine, ParsedLine]
    assert [found.position for found in run.found] == [1, 2, 3]


def test_a_line_that_is_too_long_is_passed_over_as_it_grows(run: Run, log: Path) -> None:
    log.write_text(line(1) + "x" * 1_500_000)
    grown = "x" * 1_500_000 + "\n" + line(2)
    assert run.follow(append(log, "x" * 500_000), append(log, grown)) == [1, 2]
    rejected = run.found[1]
    assert isinstance(rejected, RejectedLine)
    assert rejected.reason.startswith("line: must have at most 1048576 bytes")


def test_two_processes_cannot_use_one_position_file(tmp_path: Path) -> None:
    with (
        PositionFile(tmp_path / "p.json"),
        pytest.raises(ConfigurationError, match="no other process uses"),
    ):
        PositionFile(tmp_path / "p.json")
    PositionFile(tmp_path / "p.json").close()


def test_a_broken_position_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"files": [{"path": ')
    with PositionFile(path) as positions, pytest.raises(ConfigurationError, match="positions"):
        positions.load()
    assert path.read_text() == '{"files": [{"path": '


def test_positions_are_on_the_disk_before_they_replace_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    replace, fsync = Path.replace, os.fsync

    def noted_fsync(file: int) -> None:
        calls.append("fsync")
        fsync(file)

    def noted_replace(self: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    mark = FileMark(path="a", device=1, inode=2, offset=3, lines=1, fingerprint="f")
    with PositionFile(tmp_path / "p.json") as positions:
        positions.save([mark])
        positions.save([mark])
        assert positions.load() == [mark]
    assert calls == ["fsync", "replace", "fsync"]
    assert json.loads((tmp_path / "p.json").read_text())["files"][0]["offset"] == 3


def test_an_endless_position_file_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"/dev/zero.*a regular file"):
        PositionFile(Path("/dev/zero"))
