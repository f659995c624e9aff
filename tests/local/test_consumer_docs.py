"""The commands and the program of docs/consumer.md, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT_DIR
from tidelake.client.boto_transport import BotoTransport
from tidelake.client.transport import Record
from tidelake.local.endpoint import local_client, local_environment
from tidelake.local.lifecycle import STATE_DIR, running_local_aws

pytestmark = pytest.mark.slow

PAGE = (PROJECT_DIR / "docs" / "consumer.md").read_text()
EVENTS = 12


@dataclass(frozen=True)
class Folder:
    """A folder in which a local AWS runs, with a stream `events` of two shards."""

    path: Path
    endpoint: str

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command of the page, about the stream of this folder."""
        program, *arguments = command.split()
        assert program == ".venv/bin/tidelake"
        script = str(Path(sys.executable).parent / "tidelake")
        return self._run([script, *arguments, "--stream", "events"])

    def run_program(self, text: str) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-c", text])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = local_environment(self.endpoint, base=dict(os.environ))
        done = subprocess.run(
            command,
            cwd=self.path,
            env={**environment, "PYTHONPATH": str(PROJECT_DIR), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    path = tmp_path_factory.mktemp("consumer-docs")
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=path / STATE_DIR) as server:
        client = local_client("kinesis", server.endpoint)
        client.create_stream(StreamName="events", ShardCount=2)
        records = [Record(event(number), f"key-{number}") for number in range(EVENTS)]
        BotoTransport(client).put_records("events", records)
        yield Folder(path, server.endpoint)


def event(number: int) -> bytes:
    fields = {"event_id": str(number), "source": "web_log", "event_type": "GET", "status": 200}
    return json.dumps(fields).encode()


def commands(section: str) -> list[str]:
    body = re.split(rf"^## {re.escape(section)}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_tail_prints_events_for_eyes_and_for_programs(folder: Folder) -> None:
    for_eyes, filtered, for_programs = [folder.run(line).stdout for line in commands("Looking")]
    assert len(for_eyes.splitlines()) == 5
    assert "web_log     GET          status=200" in for_eyes
    assert len(filtered.splitlines()) == 3
    assert [json.loads(line)["status"] for line in for_programs.splitlines()] == [200] * 5


def test_an_application_is_given_each_event_and_then_no_more(folder: Folder) -> None:
    first, second, report, alerts = [folder.run(line) for line in commands("Consuming")]
    ids = [json.loads(line)["event_id"] for line in first.stdout.splitlines()]
    assert sorted(ids, key=int) == [str(number) for number in range(EVENTS)]
    assert second.stdout == ""
    assert len(report.stdout.splitlines()) == 5
    assert len(alerts.stdout.splitlines()) == 5
    assert f"{EVENTS} events, 0 dead letters" in first.stderr


def test_the_program_handles_every_event(folder: Folder) -> None:
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    printed = folder.run_program(program).stdout.split()
    assert sorted(printed, key=int) == [str(number) for number in range(EVENTS)]


def test_the_stream_is_described_scaled_waited_for_and_kept_longer(folder: Folder) -> None:
    shown, described, *_ = [folder.run(line).stdout for line in commands("Operating the stream")]
    assert "events: ACTIVE, 2 open shards, provisioned, 24 h retention" in shown
    assert json.loads(described)["open_shards"] == 2
    after = json.loads(folder.run(".venv/bin/tidelake stream describe --json").stdout)
    assert (after["open_shards"], after["retention_hours"]) == (5, 48)
