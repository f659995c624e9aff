"""The commands and programs of the documents, run as they stand there, down to a strict fake."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.client.fake_stream import FakeStream
from tests.conftest import PROJECT_DIR
from tidelake import cli
from tidelake.client.boto_transport import BotoTransport
from tidelake.operations import send as send_command
from tidelake.operations import simulate as simulate_command
from tidelake.sources.simulation import LINE_GENERATORS
from tidelake.sources.synthetic.draw import Draw
from tidelake.sources.synthetic.web_log import write_access_log

COMMANDS = re.findall(
    r"^(?:\S.* \| )?\.venv/bin/tidelake .*$",
    (PROJECT_DIR / "docs/sources.md").read_text(),
    flags=re.MULTILINE,
)


PROGRAMS = re.findall(
    r"^```python\n(.*?)^```$",
    (PROJECT_DIR / "docs/ingest.md").read_text(),
    flags=re.MULTILINE | re.DOTALL,
)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> FakeStream:
    fake = FakeStream()
    for module in (send_command, simulate_command):
        monkeypatch.setattr(module, "open_stream", lambda *_: (fake, "events"))
    return fake


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_access_log(Path("access.log"), lines=100)
    Path("readings").mkdir()
    for name in ("one", "two"):
        Path("readings", f"{name}.csv").write_text("timestamp,value\n2026-03-02 10:00:00,73.9\n")
    at = datetime(2026, 3, 2, tzinfo=UTC)
    for source, path in (("change_data", "changes.jsonl"), ("app_event", "app.jsonl")):
        generator = LINE_GENERATORS[source](Draw(1))
        text = "".join(f"{generator.line(at)}\n" for _ in range(50))
        Path(path).write_text(text)
        Path(f"{path}.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def run(command: str) -> int:
    """A command, with its standard input from the one before the pipe."""
    before, _, own = command.rpartition(" | ")
    program, *arguments = shlex.split(own)
    assert program == ".venv/bin/tidelake"
    if not before:
        return cli.main(arguments)
    kept = os.dup(0)
    with subprocess.Popen(shlex.split(before), stdout=subprocess.PIPE) as feeding:
        assert feeding.stdout is not None
        os.dup2(feeding.stdout.fileno(), 0)
        try:
            return cli.main(arguments)
        finally:
            os.dup2(kept, 0)
            os.close(kept)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_docs_works(command: str, stream: FakeStream) -> None:
    assert run(command) == 0
    assert stream.stored() or "keys simulate" in command


def test_the_docs_have_commands() -> None:
    assert len(COMMANDS) == 6


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_docs_works(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BotoTransport, "connect", lambda **_: FakeStream())
    exec(compile(program, "docs/ingest.md", "exec"), {})  # noqa: S102 - our own document's
