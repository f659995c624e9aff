"""The local AWS: MiniStack with this project's extension, in one process on 127.0.0.1.

`python -m tidelake.local.server --port N --project-dir D --work-dir W` serves until it gets
SIGTERM or SIGINT, or its standard input ends. All its state is in memory and goes with it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from tidelake.contract.errors import LocalAwsError, TidelakeError
from tidelake.local import extension, supervise
from tidelake.local.endpoint import local_environment
from tidelake.local.settings import ACCOUNT, REGION, LocalSettings

MINISTACK_VERSION = "1.5.33"
"""The only version that the extension fits: it replaces private functions."""

HOST = "127.0.0.1"

_KEPT_FROM_OUTSIDE = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "JAVA_HOME")


def main(arguments: Sequence[str]) -> int:
    """Serve until stopped; an error is one line on standard error and exit status 2."""
    try:
        settings = _parse(arguments)
        require_ministack(version("ministack"))
        _require_free(settings.port)
        _enter_environment(settings)
        extension.install(settings)
        _serve_until_stopped(settings.port)
    except TidelakeError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def require_ministack(found: str) -> None:
    """Raise LocalAwsError unless `found` is the MiniStack that the extension was written for."""
    if found != MINISTACK_VERSION:
        raise LocalAwsError(
            f"ministack {found} is installed; allowed: {MINISTACK_VERSION}; "
            f"to fix: pip install ministack=={MINISTACK_VERSION}"
        )


def server_environment(settings: LocalSettings, *, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server, and so of the functions and steps that it runs.

    Of `base` only what names programs, the home and the language is kept: MiniStack takes settings
    from many variables, and the user's must not change what the pipeline does.
    """
    kept = {name: base[name] for name in _KEPT_FROM_OUTSIDE if name in base}
    return local_environment(settings.endpoint, base=kept) | {
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        # Listeners of services that the pipeline has no use for.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        # A socket that cannot exist: no container engine is looked for.
        "DOCKER_HOST": "unix:///dev/null/none",
        "LAMBDA_EXECUTOR": "local",
        "TMPDIR": str(settings.work_dir / "tmp"),
        # As on AWS, where functions and clusters keep UTC.
        "TZ": "UTC",
    }


def _parse(arguments: Sequence[str]) -> LocalSettings:
    parser = argparse.ArgumentParser(prog="tidelake.local.server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--project-dir", type=Path, required=True)
    parser.add_argument("--work-dir", type=Path, required=True)
    parsed = parser.parse_args(arguments)
    return LocalSettings(
        port=parsed.port,
        project_dir=parsed.project_dir.resolve(),
        work_dir=parsed.work_dir.resolve(),
    )


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        # What the server itself sets: a port in TIME_WAIT is free, one that is listened on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalAwsError(
                f"port {port} of {HOST} cannot be used ({error.strerror}); allowed: a free port"
            ) from None


def _enter_environment(settings: LocalSettings) -> None:
    """Take on the server's environment; MiniStack reads it when it is imported, so before that."""
    # The unpacked functions and data of an earlier local AWS, which is gone, are of no use.
    shutil.rmtree(settings.work_dir / "tmp", ignore_errors=True)
    (settings.work_dir / "tmp").mkdir(parents=True)
    environment = server_environment(settings, base=dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    # Every connection is a file, and macOS allows 256 unless asked.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _serve_until_stopped(port: int) -> NoReturn:
    """Serve, then leave at once: worker threads may wait for ever, and no state outlives us."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_serve(port))
    supervise.stop_all()
    logging.shutdown()
    os._exit(0)


async def _serve(port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_stop_at_end_of_input, args=(loop, stop), daemon=True).start()
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    await serve(app, config, shutdown_trigger=stop.wait)


def _stop_at_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """The supervisor holds the other end: when it is gone, nobody would ever stop this server."""
    while sys.stdin.buffer.read(1):
        pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
