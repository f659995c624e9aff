from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelake.contract.errors import InputError
from tidelake.sources.files import MAX_LINE_BYTES, Line, read_lines

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: bytes) -> Path:
        path = tmp_path / "input.log"
        path.write_bytes(content)
        return path

    return write_file


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\nbc\n", [Line(1, 0, b"a", False), Line(2, 2, b"bc", False)]),
        (b"a\nbc", [Line(1, 0, b"a", False), Line(2, 2, b"bc", False)]),
        (b"a\r\nb\r\n", [Line(1, 0, b"a", False), Line(2, 3, b"b", False)]),
        (b"\n\nx", [Line(1, 0, b"", False), Line(2, 1, b"", False), Line(3, 2, b"x", False)]),
        (b"a\rb\n", [Line(1, 0, b"a\rb", False)]),
        (b"a\x00\xff\n", [Line(1, 0, b"a\x00\xff", False)]),
        (b"\xef\xbb\xbfa\nb", [Line(1, 3, b"a", False), Line(2, 5, b"b", False)]),
        (b"a\n\xef\xbb\xbfb", [Line(1, 0, b"a", False), Line(2, 2, b"\xef\xbb\xbfb", False)]),
        (b"\x1f", [Line(1, 0, b"\x1f", False)]),
    ],
)
def test_lines_have_number_offset_and_content(
    write: Write, content: bytes, lines: list[Line]
) -> None:
    assert list(read_lines(write(content))) == lines


def test_gzip_is_recognised_by_its_first_bytes_and_offsets_count_what_is_inside(
    write: Write,
) -> None:
    content = b"one\r\ntwo\nthree"
    assert list(read_lines(write(gzip.compress(content)))) == [
        Line(1, 0, b"one", False),
        Line(2, 5, b"two", False),
        Line(3, 9, b"three", False),
    ]


def test_gzip_files_put_one_after_another_are_one_input(write: Write) -> None:
    path = write(gzip.compress(b"one\ntw") + gzip.compress(b"o\n"))
    assert [line.content for line in read_lines(path)] == [b"one", b"two"]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_a_line_of_1_mib_is_whole_and_a_longer_one_is_cut(write: Write, ending: bytes) -> None:
    fits, too_long = b"x" * MAX_LINE_BYTES, b"y" * (MAX_LINE_BYTES + 1)
    lines = list(read_lines(write(fits + b"\n" + too_long + ending)))
    assert lines == [
        Line(1, 0, fits, False),
        Line(2, MAX_LINE_BYTES + 1, too_long[:-1], True),
    ]


def test_a_carriage_return_at_the_limit_does_not_hide_what_follows(write: Write) -> None:
    lines = list(read_lines(write(b"x" * MAX_LINE_BYTES + b"\ry\n")))
    assert [(line.number, line.oversize) for line in lines] == [(1, True)]


@pytest.mark.parametrize("length", [MAX_LINE_BYTES + extra for extra in (2, 3, 4)] + [10_000_000])
def test_the_line_after_a_long_one_is_found_at_its_place(write: Write, length: int) -> None:
    lines = list(read_lines(write(b"x" * length + b"\nnext\n")))
    assert [(line.number, line.offset, line.oversize) for line in lines] == [
        (1, 0, True),
        (2, length + 1, False),
    ]
    assert lines[1].content == b"next"


@given(
    st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    st.booleans(),
)
def test_every_offset_points_at_its_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], zipped: bool
) -> None:
    content = b"".join(line + b"\n" for line in lines) + b"end"
    path = tmp_path_factory.mktemp("lines") / "input"
    path.write_bytes(gzip.compress(content) if zipped else content)
    if content.startswith(b"\x1f\x8b") and not zipped:
        return
    read = list(read_lines(path))
    assert len(read) == len(lines) + 1
    for line in read:
        assert content[line.offset :].startswith(line.content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _path: None, "does not exist; allowed: a file"),
        (lambda path: path.mkdir(), "is a directory; allowed: a file"),
        (lambda path: path.touch(), "is empty; allowed: a file with at least 1 line"),
        (lambda path: path.write_bytes(gzip.compress(b"")), "is empty; allowed: a file with at "),
        (lambda path: os.mkfifo(path), "is no regular file; allowed: a file"),
    ],
    ids=["missing", "directory", "empty", "empty gzip", "pipe"],
)
def test_an_input_that_is_no_file_with_lines_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "input"
    make(path)
    with pytest.raises(InputError) as caught:
        list(read_lines(path))
    assert str(caught.value).startswith(f"input {str(path)!r} {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(write: Write) -> None:
    path = write(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        list(read_lines(path))


def test_a_failing_disk_is_an_input_error(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tidelake.sources.files.io.FileIO", fail)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        list(read_lines(write(b"x")))


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(os.urandom(100_000))[:-1000],
        gzip.compress(b"x\n") + b"rubbish",
        b"\x1f\x8brubbish, not gzip",
    ],
    ids=["cut", "rubbish behind", "rubbish"],
)
def test_broken_gzip_is_an_input_error(write: Write, broken: bytes) -> None:
    with pytest.raises(InputError, match="is broken gzip: "):
        list(read_lines(write(broken)))


def test_memory_stays_bounded_however_long_a_line_is(tmp_path: Path) -> None:
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.truncate(400_000_000)
    program = (
        "import resource, sys; from pathlib import Path;"
        "from tidelake.sources.files import read_lines;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "assert [line.oversize for line in read_lines(Path(sys.argv[1]))] == [True];"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    # ru_maxrss counts KiB on Linux and bytes on macOS.
    unit = 1024 if sys.platform == "linux" else 1
    assert int(answer.stdout) * unit < 20_000_000
