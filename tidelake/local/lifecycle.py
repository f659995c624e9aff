"""Starting, finding and ending the local AWS.

Its supervisor holds a lock on the state file for as long as it lives, so the file says which
process to end only while that process is there: a stale file, or a process id that was given away
again, can never be mistaken for a running local AWS.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tidelake.contract.errors import ConfigurationError, LocalAwsError
from tidelake.local import extension
from tidelake.local.endpoint import local_client, require_loopback
from tidelake.local.server import HOST
from tidelake.local.settings import LocalSettings
from tidelake.local.supervise import GRACE_SECONDS, SupervisedProcess, start_supervised

STATE_DIR = Path(".tidelake")
"""Where a local AWS keeps its state file, log and work files, in the folder it is started in."""

STATE_FILE = "local.json"

START_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 2 * GRACE_SECONDS + 5


@dataclass(frozen=True, slots=True)
class StackState:
    """A deployed stack: its name and CloudFormation's word for its state."""

    name: str
    state: str


@dataclass(frozen=True, kw_only=True)
class LocalStatus:
    """What runs. `endpoint` is None when nothing does.

    `inert_types` are the resource types of deployed stacks that are recorded and do nothing.
    """

    endpoint: str | None
    pid: int | None = None
    stacks: tuple[StackState, ...] = ()
    inert_types: tuple[str, ...] = ()


class LocalAws:
    """A running local AWS that ends when this process does, unless detached."""

    def __init__(self, settings: LocalSettings, process: SupervisedProcess) -> None:
        self.settings = settings
        self._process = process
        self._detached = False

    @property
    def endpoint(self) -> str:
        return self.settings.endpoint

    @property
    def pid(self) -> int:
        """Process id of the supervisor: SIGTERM to it ends the server and all its children."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server prints."""
        return _log(self.settings)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and everything it started, unless it was detached."""
        if not self._detached:
            self._process.stop()

    def detach(self) -> None:
        """Leave it running after this process; `stop_local_aws` ends it."""
        self._process.detach()
        self._detached = True


def start_local_aws(
    *, project_dir: Path, state_dir: Path = STATE_DIR, port: int | None = None
) -> LocalAws:
    """Start a local AWS and wait until it answers, at most START_LIMIT_SECONDS.

    Without `port` a free one is picked. Raises LocalAwsError when one runs in `state_dir` already,
    when the port is taken, or when it does not start; then nothing is left running.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / STATE_FILE).open("a+") as file:
        if not _lock(file):
            raise LocalAwsError(
                f"a local AWS is already running at {_read(file).endpoint}; "
                "`tidelake local down` ends it"
            )
        settings = LocalSettings(
            port=_free_port() if port is None else _checked(port),
            project_dir=project_dir.resolve(),
            work_dir=state_dir.resolve(),
        )
        local_aws = _start_server(settings, state=file)
        try:
            file.truncate(0)
            json.dump({"pid": local_aws.pid, "endpoint": settings.endpoint}, file)
            file.flush()
            _wait_until_healthy(local_aws)
        except BaseException:
            local_aws.stop()
            raise
    return local_aws


@contextlib.contextmanager
def running_local_aws(
    *, project_dir: Path, state_dir: Path = STATE_DIR, port: int | None = None
) -> Iterator[LocalAws]:
    """A local AWS for the length of a `with` block; see `start_local_aws`.

    It ends with the block, also on Ctrl-C, and with this process, even if that is killed.
    After `detach()` it stays.
    """
    local_aws = start_local_aws(project_dir=project_dir, state_dir=state_dir, port=port)
    try:
        yield local_aws
    finally:
        local_aws.stop()


def stop_local_aws(state_dir: Path = STATE_DIR) -> bool:
    """End the local AWS of `state_dir`; False when none runs.

    Returns when its processes are gone; raises LocalAwsError if they are not within
    STOP_LIMIT_SECONDS.
    """
    state = _running_state(state_dir)
    if state is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        # Without its supervisor the server reads the end of its input, and ends.
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, number)
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        while time.monotonic() < deadline:
            if _running_state(state_dir) is None and not _answers(state.endpoint):
                return True
            time.sleep(0.05)
    raise LocalAwsError(
        f"process {state.pid} is still running {2 * STOP_LIMIT_SECONDS:.0f} s after it was "
        "told to end"
    )


def local_status(state_dir: Path = STATE_DIR) -> LocalStatus:
    """What runs in `state_dir`, and what is deployed on it.

    Raises LocalAwsError when it runs but does not answer.
    """
    state = _running_state(state_dir)
    if state is None:
        return LocalStatus(endpoint=None)
    if not _answers(state.endpoint):
        raise LocalAwsError(f"{state.endpoint} (process {state.pid}) runs but does not answer")
    cloudformation = local_client("cloudformation", state.endpoint)
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    stacks = [stack for page in pages for stack in page["Stacks"]]
    return LocalStatus(
        endpoint=state.endpoint,
        pid=state.pid,
        stacks=tuple(StackState(s["StackName"], s["StackStatus"]) for s in stacks),
        inert_types=_inert_types(cloudformation, [s["StackName"] for s in stacks]),
    )


def _inert_types(cloudformation: Any, stack_names: list[str]) -> tuple[str, ...]:
    pages = cloudformation.get_paginator("list_stack_resources")
    deployed = {
        resource["ResourceType"]
        for name in stack_names
        for page in pages.paginate(StackName=name)
        for resource in page["StackResourceSummaries"]
    }
    return tuple(sorted(deployed & set(extension.INERT_TYPES)))


@dataclass(frozen=True)
class _State:
    """The state file: the supervisor's process id, and where the server answers."""

    pid: int
    endpoint: str


def _running_state(state_dir: Path) -> _State | None:
    try:
        with (state_dir / STATE_FILE).open("r") as file:
            return None if _lock(file) else _read(file)
    except FileNotFoundError:
        return None


def _read(file: IO[str]) -> _State:
    file.seek(0)
    text = file.read()
    if not text:
        raise LocalAwsError("the local AWS is being started by another command; try again")
    return _State(**json.loads(text))


def _lock(file: IO[str]) -> bool:
    """Take the file's lock; False while a supervisor holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_server(settings: LocalSettings, *, state: IO[str]) -> LocalAws:
    command = [sys.executable, "-m", "tidelake.local.server"]
    command += ["--port", str(settings.port), "--project-dir", str(settings.project_dir)]
    command += ["--work-dir", str(settings.work_dir)]
    with _log(settings).open("wb") as log:
        process = start_supervised(
            command,
            env=os.environ,
            cwd=settings.project_dir,
            output=log,
            inherited_fds=(state.fileno(),),
        )
    return LocalAws(settings, process)


def _wait_until_healthy(local_aws: LocalAws) -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while local_aws.is_running:
        if _answers(local_aws.endpoint):
            return
        if time.monotonic() > deadline:
            raise LocalAwsError(
                f"the local AWS did not answer within {START_LIMIT_SECONDS:.0f} s; "
                f"its log: {_log(local_aws.settings)}"
            )
        time.sleep(0.05)
    lines = _log(local_aws.settings).read_text(errors="replace").strip().splitlines()
    raise LocalAwsError(f"the local AWS did not start: {lines[-1] if lines else 'no output'}")


def _answers(endpoint: str) -> bool:
    address = urlsplit(require_loopback(endpoint))
    connection = HTTPConnection(str(address.hostname), address.port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _log(settings: LocalSettings) -> Path:
    return settings.work_dir / "server.log"


def _checked(port: int) -> int:
    if not 1 <= port <= 65_535:
        raise ConfigurationError("--port", port, "1 to 65535")
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
