"""The app as the CDK CLI starts it: a process of its own, told by its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from stacks.linter_acknowledgments import CDK_ACKNOWLEDGED
from tests.infra.conftest import PROJECT, cdk_context
from tests.infra.gates.findings import is_a_sentence

# The app is two processes, Python and the Node below it; they talk by pipes.
REFUSING_PYTHON = """
import socket, sys

def refuse(self, address):
    with open({log!r}, "a") as log:
        log.write(f"python to {{address}}\\n")
    raise OSError("no network at synthesis")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = lambda *wanted, **_: refuse(None, wanted)
"""
REFUSING_NODE = """
const refuse = (...wanted) => {{
  require("fs").appendFileSync({log}, "node to " + require("util").inspect(wanted[0]) + "\\n");
  throw new Error("no network at synthesis");
}};
require("net").Socket.prototype.connect = refuse;
for (const dns of [require("dns"), require("dns").promises]) {{
  dns.lookup = refuse;
  dns.resolve = refuse;
}}
"""


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process of the app may look up a name or connect; an attempt fails the test."""
    folder = tmp_path / "no-network"
    folder.mkdir()
    log = folder / "attempts"
    (folder / "sitecustomize.py").write_text(REFUSING_PYTHON.format(log=str(log)))
    refusing = folder / "refuse.cjs"
    refusing.write_text(REFUSING_NODE.format(log=json.dumps(str(log))))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("NODE_OPTIONS", f"--require {refusing}")
    yield
    assert not log.exists(), log.read_text()


def run_app(
    outdir: Path,
    environment: object,
    *,
    validate: bool,
    program: tuple[str, ...] = ("app.py",),
    cluster: Mapping[str, object] = MappingProxyType({}),
) -> tuple[int, str]:
    """Exit status and standard error of `app.py`, or of a program around it.

    `cluster` holds options of `prod`'s cluster that differ from `cdk.json`.
    """
    context = cdk_context()
    context["environments"]["prod"]["cluster"] |= cluster
    if environment is not None:
        context["environment"] = environment
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environ |= {
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_OUTDIR": str(outdir),
        "CDK_VALIDATION": "true" if validate else "false",
    }
    finished = subprocess.run(
        [sys.executable, *program],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return finished.returncode, finished.stderr


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("scaling", ["managed", "yarn_memory"])
def test_templates_pass_the_validation_of_cdk_without_a_network(
    tmp_path: Path, scaling: str
) -> None:
    status, _ = run_app(tmp_path, "prod", validate=True, cluster={"scaling": scaling})
    report = json.loads((tmp_path / "validation-report.json").read_text())
    findings = [
        violation for plugin in report["pluginReports"] for violation in plugin["violations"]
    ]
    assert (status, findings) == (0, [])


def test_what_is_acknowledged_to_the_validation_of_cdk_would_still_be_found(
    tmp_path: Path,
) -> None:
    unacknowledged = (
        "import runpy; from aws_cdk import Validations; "
        "Validations.acknowledge = lambda self, *entries: None; "
        "runpy.run_path('app.py', run_name='__main__')"
    )
    run_app(
        tmp_path,
        "prod",
        validate=True,
        program=("-c", unacknowledged),
        cluster={"scaling": "yarn_memory"},
    )
    report = json.loads((tmp_path / "validation-report.json").read_text())
    found = {
        violation["ruleName"]
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
    }
    assert {f"CloudFormation-Validate::{rule}" for rule in found} == {
        entry.rule for entry in CDK_ACKNOWLEDGED
    }
    assert all(is_a_sentence(entry.reason) for entry in CDK_ACKNOWLEDGED)


def test_dev_is_synthesised_when_no_environment_is_chosen(tmp_path: Path) -> None:
    status, _ = run_app(tmp_path, None, validate=False)
    assert status == 0
    assert (tmp_path / "tidelake-dev-storage.template.json").exists()


def test_an_unknown_environment_gets_one_line_and_exit_status_2(tmp_path: Path) -> None:
    status, error = run_app(tmp_path, "stage", validate=False)
    # jsii writes lines of `b'!!` above where it finds fault with the version of Node.
    lines = [line for line in error.splitlines() if not line.startswith("b'!!")]
    assert (status, lines) == (
        2,
        ["environment = 'stage' is not allowed; allowed: one of local, dev, prod"],
    )


def test_an_environment_that_is_no_name_is_refused(tmp_path: Path) -> None:
    status, error = run_app(tmp_path, ["dev"], validate=False)
    assert status == 2
    assert "environment = ['dev'] is not allowed; allowed: one of local, dev, prod" in error


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "attempt",
    [
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
        "import subprocess; subprocess.run(['node', '-e', 'fetch(\"http://127.0.0.1:45678\")'])",
    ],
    ids=["python", "node"],
)
def test_an_attempt_at_the_network_would_be_seen(attempt: str, tmp_path: Path) -> None:
    run_app(tmp_path, None, validate=False, program=("-c", attempt))
    attempts = tmp_path / "no-network" / "attempts"
    assert "127.0.0.1" in attempts.read_text()
    attempts.unlink()


PLANTED_ALARM = """
import sys
import app
from aws_cdk import aws_cloudwatch as cloudwatch

build = app.Pipeline.build

def build_with_alarm(scope, config):
    pipeline = build(scope, config)
    cloudwatch.CfnAlarm(
        pipeline.monitoring, "Planted",
        namespace="AWS/KinesisFirehose", metric_name="DeliveryToS3.Success",
        comparison_operator="LessThanThreshold", evaluation_periods=1,
    )
    return pipeline

app.Pipeline.build = build_with_alarm
sys.exit(app.main())
"""


def test_the_app_refuses_an_alarm_on_a_metric_that_is_never_published(tmp_path: Path) -> None:
    status, error = run_app(tmp_path, "dev", validate=False, program=("-c", PLANTED_ALARM))
    assert status != 0
    assert "AWS/KinesisFirehose publishes no metric with no dimension" in error
