"""The whole pipeline, for real: CDK CLI, local AWS, Lambda, Firehose, Spark, Iceberg."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PROJECT_DIR, Shell, new_shell

pytestmark = pytest.mark.slow

SMALL_LOG = Path(__file__).parent / "small_access.log"
REAL_LOG = PROJECT_DIR.parent / "shared/data/weblogs/access_10k.log"


@dataclass(frozen=True)
class FinishedDemo:
    run: subprocess.CompletedProcess[str]
    out: Path
    processes_left: list[str]

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.out / "summary.json").read_text())
        return summary


def run_demo(file: Path, out: Path, **env: str) -> FinishedDemo:
    shell = new_shell()
    run = shell.run("make", "demo", f"INPUT={file}", f"OUT={out}", **env)
    return FinishedDemo(run, out, shell.processes_left(out))


@pytest.fixture(scope="module")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    """A demo in a hostile shell: a profile that is not there, a proxy that does not answer."""
    dead_proxy = "http://127.0.0.1:9"
    demo = run_demo(
        SMALL_LOG,
        tmp_path_factory.mktemp("small"),
        AWS_PROFILE="nonexistent",
        http_proxy=dead_proxy,
        https_proxy=dead_proxy,
    )
    assert demo.run.returncode == 0, demo.run.stdout + demo.run.stderr
    return demo


def test_every_line_is_accounted_for_at_every_hop(small_demo: FinishedDemo) -> None:
    summary = small_demo.summary

    assert summary["input"] == {"lines": 7, "accepted": 6, "rejected": 1, "skipped": 0}
    assert summary["stream"] == {"records": 6, "events": 6}
    assert summary["raw"]["events"] == 6
    assert summary["raw"]["conversion_failed"] == 0
    assert summary["curated"] == {
        "events": 6,
        "duplicates": 0,
        "quarantined": 0,
        "unreadable": 0,
    }
    assert summary["differences"] == []


def test_results_are_those_of_the_log(small_demo: FinishedDemo) -> None:
    results = small_demo.summary["results"]

    assert results["events_by_source"] == {"web_log": 6}
    assert results["events_by_status"] == {"200": 4, "302": 1, "404": 1}
    assert results["events_by_hour"] == {
        "2015-05-17T10": 4,
        "2015-05-17T23": 1,
        "2015-05-18T00": 1,
    }
    assert results["response_bytes"] == 2520
    assert results["top_paths"] == [["/", 2], ["/about?lang=en", 2], ["/login", 1], ["/missing", 1]]


def test_every_step_is_completed(small_demo: FinishedDemo) -> None:
    steps = small_demo.summary["steps"]

    assert steps
    assert {step["state"] for step in steps} == {"COMPLETED"}
    assert all(set(step) == {"id", "name", "state", "seconds"} for step in steps)


def test_summary_says_how_long_each_stage_took(small_demo: FinishedDemo) -> None:
    seconds = small_demo.summary["seconds"]

    assert set(seconds) == {"deploy", "send", "deliver", "process", "total"}
    assert 0 < seconds["deploy"] < seconds["total"]


def test_the_rejected_line_is_set_aside_with_its_number(small_demo: FinishedDemo) -> None:
    letters = (small_demo.out / "dead_letters.jsonl").read_text().splitlines()

    assert len(letters) == 1
    letter = json.loads(letters[0])
    assert (letter["source"], letter["line"]) == ("web_log", 6)
    assert letter["raw"] == "this line is no log line"
    assert "this line" not in letter["reason"]


def test_no_process_is_left(small_demo: FinishedDemo) -> None:
    assert small_demo.processes_left == []


def test_the_report_shows_the_ledger(small_demo: FinishedDemo) -> None:
    assert "Ledger: in = out + set aside" in small_demo.run.stdout
    assert re.search(r"lines -> events\W+7\W+6\W+1\W+rejected", small_demo.run.stdout)


@pytest.mark.skipif(not REAL_LOG.exists(), reason="the real access log is not here")
def test_a_real_access_log_gives_its_known_counts(tmp_path: Path) -> None:
    demo = run_demo(REAL_LOG, tmp_path)

    assert demo.run.returncode == 0, demo.run.stdout + demo.run.stderr
    summary = demo.summary
    assert summary["input"] == {
        "lines": 10_000,
        "accepted": 9_999,
        "rejected": 1,
        "skipped": 0,
    }
    assert summary["curated"]["events"] == 9_999
    assert summary["results"]["events_by_status"] == {
        "200": 9125,
        "206": 45,
        "301": 164,
        "304": 445,
        "403": 2,
        "404": 213,
        "416": 2,
        "500": 3,
    }
    assert len(summary["results"]["events_by_hour"]) == 84
    assert summary["results"]["response_bytes"] == 2_747_282_505
    assert summary["results"]["top_paths"][0] == ["/favicon.ico", 807]


def test_a_failing_job_fails_the_demo_and_shows_the_end_of_its_log(
    copied_project: Callable[[], Shell], tmp_path: Path
) -> None:
    project = copied_project()
    job = project.project_dir / "spark_jobs/curate.py"
    job.write_text("raise SystemExit('the planted failure')\n")

    run = project.run(
        *(".venv/bin/tidelake", "demo", "--file", str(SMALL_LOG), "--out", str(tmp_path / "out"))
    )

    assert run.returncode == 1
    assert "FAILED; the end of its log" in run.stderr
    assert "the planted failure" in run.stderr
    assert "Traceback" not in run.stderr.split("the end of its log")[0]
    assert project.processes_left(tmp_path) == []


@pytest.mark.parametrize("alive", ["cdk deploy", "org.apache.spark.deploy.SparkSubmit"])
def test_a_killed_demo_leaves_no_process(shell: Shell, tmp_path: Path, alive: str) -> None:
    demo = shell.start(".venv/bin/tidelake", "demo", "--events", "100", "--out", str(tmp_path))
    deadline = time.monotonic() + 120
    while not any(alive in command for command in shell.processes(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.1)

    demo.kill()
    demo.wait()

    assert shell.processes_left(tmp_path) == []
