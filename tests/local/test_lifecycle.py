from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.processes import running_with, wait_until_none_with
from tidelake.contract.errors import LocalAwsError
from tidelake.local.endpoint import local_client
from tidelake.local.lifecycle import (
    LocalStatus,
    StackState,
    local_status,
    running_local_aws,
    start_local_aws,
    stop_local_aws,
)

PROJECT_DIR = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

INERT_TEMPLATE = {
    "Resources": {
        "Budget": {
            "Type": "AWS::Budgets::Budget",
            "Properties": {"Budget": {"BudgetType": "COST", "TimeUnit": "MONTHLY"}},
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
    }
}


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own for one local AWS; whatever a test leaves running in it is ended."""
    folder = tmp_path / "state"
    yield folder
    stop_local_aws(folder)


def start_parent(state_dir: Path, then: str) -> subprocess.Popen[bytes]:
    """A process that starts a local AWS, says so, and goes on with `then`."""
    program = (
        "import time; from pathlib import Path; "
        "from tidelake.local.lifecycle import running_local_aws\n"
        f"with running_local_aws(project_dir=Path('.'), state_dir=Path({str(state_dir)!r})) as aws:"
        f"\n    print('ready', flush=True); {then}"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    return parent


def start_busy_function(endpoint: str) -> None:
    """Invoke a function that will not end by itself, and wait until it runs."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("busy.py", "import time\ndef handler(event, context): time.sleep(300)\n")
    functions = local_client("lambda", endpoint)
    functions.create_function(
        FunctionName="busy",
        Runtime="python3.13",
        Handler="busy.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Timeout=600,
        Code={"ZipFile": archive.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="busy", WaiterConfig={"Delay": 1})
    functions.invoke(FunctionName="busy", InvocationType="Event")


def wait_for_worker(state_dir: Path) -> None:
    for _ in range(200):
        if running_with(str(state_dir / "tmp" / "ministack-lambda-busy")):
            return
        subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("the function's process did not start within 20 s")


def server_pid(state_dir: Path) -> int:
    """The server itself, a child of the supervisor that the state file names."""
    supervisor = json.loads((state_dir / "local.json").read_text())["pid"]
    listing = subprocess.run(["pgrep", "-P", str(supervisor)], capture_output=True, check=True)
    return int(listing.stdout)


def test_nothing_runs_in_a_folder_where_nothing_was_started(state_dir: Path) -> None:
    assert local_status(state_dir) == LocalStatus(endpoint=None)
    assert stop_local_aws(state_dir) is False


def test_started_local_aws_answers_and_a_second_start_says_that_it_runs(state_dir: Path) -> None:
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as local_aws:
        status = local_status(state_dir)
        assert status == LocalStatus(endpoint=local_aws.endpoint, pid=local_aws.pid)
        with pytest.raises(LocalAwsError, match=f"already running at {local_aws.endpoint}"):
            start_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir)


def test_no_process_is_left_when_the_block_ends(state_dir: Path) -> None:
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as local_aws:
        start_busy_function(local_aws.endpoint)
        wait_for_worker(state_dir)

    assert running_with(str(state_dir)) == []
    assert local_status(state_dir) == LocalStatus(endpoint=None)


def test_status_names_stacks_and_the_resource_types_that_do_nothing(state_dir: Path) -> None:
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as local_aws:
        cloudformation = local_client("cloudformation", local_aws.endpoint)
        cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(INERT_TEMPLATE))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="s", WaiterConfig={"Delay": 1}
        )

        status = local_status(state_dir)

    assert status.stacks == (StackState("s", "CREATE_COMPLETE"),)
    assert status.inert_types == ("AWS::Budgets::Budget",)


def test_port_that_is_asked_for_is_used(state_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir, port=port) as local_aws:
        assert local_aws.endpoint == f"http://127.0.0.1:{port}"


def test_port_that_is_taken_is_refused_and_nothing_is_left(state_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"port {port} of 127.0.0.1 cannot be used"):
            start_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir, port=port)

    assert running_with(str(state_dir)) == []
    assert local_status(state_dir) == LocalStatus(endpoint=None)


def test_state_file_of_a_process_that_is_gone_is_not_believed(state_dir: Path) -> None:
    state_dir.mkdir()
    own = {"pid": os.getpid(), "endpoint": "http://127.0.0.1:1"}
    (state_dir / "local.json").write_text(json.dumps(own))

    assert stop_local_aws(state_dir) is False
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as local_aws:
        assert local_status(state_dir).pid == local_aws.pid


def test_detached_local_aws_outlives_its_parent_until_it_is_stopped(state_dir: Path) -> None:
    parent = start_parent(state_dir, "aws.detach()")
    assert parent.wait(30) == 0
    endpoint = local_status(state_dir).endpoint
    assert endpoint is not None
    start_busy_function(endpoint)
    wait_for_worker(state_dir)

    assert stop_local_aws(state_dir) is True

    assert running_with(str(state_dir)) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_is_left_when_the_parent_is_killed(
    state_dir: Path, number: signal.Signals
) -> None:
    parent = start_parent(state_dir, "time.sleep(300)")
    endpoint = local_status(state_dir).endpoint
    assert endpoint is not None
    start_busy_function(endpoint)
    wait_for_worker(state_dir)

    parent.send_signal(number)
    parent.wait(30)

    assert wait_until_none_with(str(state_dir), seconds=15) == []


def test_no_process_is_left_when_the_server_is_killed(state_dir: Path) -> None:
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as local_aws:
        start_busy_function(local_aws.endpoint)
        wait_for_worker(state_dir)

        os.kill(server_pid(state_dir), signal.SIGKILL)

        assert wait_until_none_with(str(state_dir), seconds=15) == []
        assert not local_aws.is_running


def test_no_process_is_left_when_the_supervisor_is_killed(state_dir: Path) -> None:
    with running_local_aws(project_dir=PROJECT_DIR, state_dir=state_dir) as local_aws:
        os.kill(local_aws.pid, signal.SIGKILL)

        assert wait_until_none_with(str(state_dir), seconds=15) == []
