from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.conftest import LocalAwsUnderTest
from tests.local.processes import listening_addresses
from tidelake.contract.errors import LocalAwsError
from tidelake.local.server import main, require_ministack, server_environment
from tidelake.local.settings import LocalSettings

SETTINGS = LocalSettings(port=4566, project_dir=Path("/project"), work_dir=Path("/work"))


@pytest.mark.parametrize("version", ["1.5.32", "1.5.34", "1.5.330", "2.0.0", ""])
def test_any_other_ministack_is_refused_with_what_to_do(version: str) -> None:
    with pytest.raises(LocalAwsError) as refusal:
        require_ministack(version)

    assert str(refusal.value) == (
        f"ministack {version} is installed; allowed: 1.5.33; to fix: pip install ministack==1.5.33"
    )


def test_the_ministack_that_the_extension_was_written_for_is_accepted() -> None:
    require_ministack("1.5.33")


def test_settings_of_the_user_for_aws_or_ministack_do_not_reach_the_server() -> None:
    environment = server_environment(
        SETTINGS,
        base={
            "PATH": "/bin",
            "AWS_PROFILE": "mine",
            "PERSIST_STATE": "1",
            "AUTH": "true",
            "SERVICES": "s3",
            "USE_SSL": "1",
            "PYTHONPATH": "/elsewhere",
        },
    )

    assert environment["PATH"] == "/bin"
    assert environment["PERSIST_STATE"] == "0"
    assert not environment.keys() & {"AWS_PROFILE", "AUTH", "SERVICES", "USE_SSL", "PYTHONPATH"}


def test_functions_and_steps_are_pointed_at_the_server_itself() -> None:
    environment = server_environment(SETTINGS, base={})

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["GATEWAY_PORT"] == "4566"


def test_port_that_is_taken_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = main(
            ["--port", str(port), "--project-dir", str(tmp_path), "--work-dir", str(tmp_path)]
        )

    assert status == 2
    assert capsys.readouterr().err == (
        f"port {port} of 127.0.0.1 cannot be used (Address already in use); allowed: a free port\n"
    )


@pytest.mark.slow
def test_server_listens_on_its_one_port_of_this_machine_alone(
    local_aws: LocalAwsUnderTest,
) -> None:
    local_aws.client("s3").list_buckets()

    port = local_aws.server.settings.port
    assert listening_addresses(local_aws.server.pid) == [f"127.0.0.1:{port}"]


@pytest.mark.slow
def test_clients_that_the_fixture_makes_reach_the_server(local_aws: LocalAwsUnderTest) -> None:
    identity = local_aws.client("sts").get_caller_identity()

    assert identity["Account"] == "000000000000"
