"""What cannot be sent is refused before anything is started, in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Shell

LINE = b'192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"\n'


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def demo(shell: Shell, file: Path, out: Path) -> tuple[int, str]:
    run = shell.run(".venv/bin/tidelake", "demo", "--file", str(file), "--out", str(out))
    return run.returncode, run.stderr


def test_an_empty_file_is_refused_in_one_line(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "empty.log"
    file.touch()

    status, errors = demo(shell, file, tmp_path / "out")

    assert status == 2
    assert "empty" in one_line(errors)
    assert str(file) in one_line(errors)


def test_a_missing_file_is_refused_in_one_line(shell: Shell, tmp_path: Path) -> None:
    status, errors = demo(shell, tmp_path / "no.log", tmp_path / "out")

    assert status == 2
    assert str(tmp_path / "no.log") in one_line(errors)


def test_a_directory_is_refused_in_one_line(shell: Shell, tmp_path: Path) -> None:
    status, errors = demo(shell, tmp_path, tmp_path / "out")

    assert status == 2
    assert "directory" in one_line(errors)


def test_a_binary_file_is_refused_and_every_line_of_it_kept(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe\x00\n\x80\x81\n\x00\x01")

    status, errors = demo(shell, file, tmp_path / "out")

    assert status == 2
    assert "0 of 3 lines" in one_line(errors)
    letters = [
        json.loads(line) for line in (tmp_path / "out/dead_letters.jsonl").read_text().splitlines()
    ]
    assert [(letter["line"], letter["raw_base64"]) for letter in letters[:2]] == [
        (1, "//4A"),
        (2, "gIE="),
    ]
    assert (letters[2]["line"], letters[2]["raw"]) == (3, "\x00\x01")


def test_a_shell_that_points_elsewhere_is_refused(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(LINE)

    run = shell.run(
        *(".venv/bin/tidelake", "demo", "--file", str(file), "--out", str(tmp_path / "out")),
        AWS_ENDPOINT_URL="https://kinesis.us-east-1.amazonaws.com",
    )

    assert run.returncode == 2
    assert "https://kinesis.us-east-1.amazonaws.com" in one_line(run.stderr)


@pytest.mark.parametrize("command", [["demo"], ["send"], ["tail"], ["local"], ["local", "up"]])
def test_every_command_explains_itself(shell: Shell, command: list[str]) -> None:
    run = shell.run(".venv/bin/tidelake", *command, "--help")

    assert run.returncode == 0
    assert run.stdout.startswith(f"usage: tidelake {' '.join(command)}")


def test_sending_without_a_local_aws_says_how_to_start_one(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_bytes(LINE)
    elsewhere = Shell(tmp_path, shell.mark)
    tidelake = str(shell.project_dir / ".venv/bin/tidelake")

    run = elsewhere.run(tidelake, "send", "--source", "web_log", "--file", str(file))

    assert run.returncode == 1
    assert "no local AWS runs here" in one_line(run.stderr)


def test_a_file_name_is_a_name_to_make_whatever_it_holds(shell: Shell, tmp_path: Path) -> None:
    """The name of a file that does not exist comes back in the message as it was given."""
    name = tmp_path / "a $HOME \"b`touch planted`; touch planted; 'é.log"

    run = shell.run("make", "demo", f"INPUT={name}", f"OUT={tmp_path / 'out'}")

    assert run.returncode != 0
    assert "does not exist" in run.stderr
    assert 'a $HOME "b`touch planted`; touch planted' in run.stderr
    assert not (shell.project_dir / "planted").exists()


def test_an_out_that_is_a_file_is_refused_in_one_line(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.touch()
    file = tmp_path / "access.log"
    file.write_bytes(LINE)

    status, errors = demo(shell, file, out)

    assert status == 2
    assert "--out" in one_line(errors)
