from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidelake.contract.errors import NotLoopbackError
from tidelake.local.endpoint import local_client, local_environment, require_loopback


@pytest.mark.parametrize(
    ("endpoint", "plain"),
    [
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
        ("http://127.1.2.3:80/", "http://127.1.2.3:80"),
        ("https://localhost:4566", "https://localhost:4566"),
        ("HTTP://LOCALHOST:1", "http://localhost:1"),
        ("http://[::1]:4566", "http://[::1]:4566"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_address_on_this_machine_is_allowed(endpoint: str, plain: str) -> None:
    assert require_loopback(endpoint) == plain


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "localhost:4566",
        "ftp://localhost:4566",
        "https://kinesis.us-east-1.amazonaws.com",
        "http://localhost.evil.com:4566",
        "http://evil.com/localhost",
        "http://127.0.0.1@evil.com",
        "http://127.0.0.1:4566@evil.com",
        "http://evil.com#@127.0.0.1",
        "http://evil.com?127.0.0.1",
        "http://127.0.0.1\\@evil.com",
        "http://127.0.0.1.evil.com",
        "http://0.0.0.0:4566",
        "http://10.0.0.1:4566",
        "http://169.254.169.254",
        "http://[::ffff:10.0.0.1]:4566",
        "http://2130706433:4566",
        "http://127.1:4566",
        "http://localhost:99999",
        "http://localhost:x",
        "http://[::1",
        "http://:4566",
    ],
)
def test_any_other_address_is_refused(endpoint: str) -> None:
    with pytest.raises(NotLoopbackError, match="is not on this machine; allowed: http://127"):
        require_loopback(endpoint)


def test_a_refusal_names_the_address_but_no_password() -> None:
    with pytest.raises(NotLoopbackError) as refusal:
        require_loopback("http://alice:secret@10.0.0.1:4566")

    assert "'http://10.0.0.1:4566'" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_environment_points_every_tool_at_the_local_aws() -> None:
    environment = local_environment(
        "http://127.0.0.1:4566", base={"PATH": "/bin"}, cdk_home=Path("/home/ann/cdk")
    )

    assert environment == {
        "PATH": "/bin",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
        "CDK_HOME": "/home/ann/cdk",
    }


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CA_BUNDLE",
        "CDK_DEFAULT_ACCOUNT",
    ],
)
def test_nothing_of_the_users_aws_settings_reaches_a_tool(name: str) -> None:
    environment = local_environment("http://127.0.0.1:4566", base={name: "of the user"})

    assert name not in environment


def test_addresses_that_the_user_exempts_from_the_proxy_stay_exempt() -> None:
    environment = local_environment("http://127.0.0.1:4566", base={"NO_PROXY": "corp.example"})

    assert environment["NO_PROXY"] == "corp.example,127.0.0.1,localhost,::1"


def test_environment_for_an_address_elsewhere_is_refused() -> None:
    with pytest.raises(NotLoopbackError):
        local_environment("https://s3.amazonaws.com", base={})


def test_client_for_an_address_elsewhere_is_refused() -> None:
    with pytest.raises(NotLoopbackError):
        local_client("s3", "https://s3.amazonaws.com")


def test_client_takes_nothing_from_the_users_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile mine]\nregion = eu-west-1\nendpoint_url = https://aws.example\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "no such profile")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEUSER")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://aws.example")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")

    client = local_client("s3", "http://127.0.0.1:4566")

    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    assert client.meta.region_name == "us-east-1"
    assert client._request_signer._credentials.access_key == "test"


def test_client_talks_to_the_local_aws_directly_where_a_proxy_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")

    client = local_client("s3", "http://127.0.0.1:4566")

    proxies = client._endpoint.http_session._proxy_config
    assert not proxies.proxy_url_for("http://127.0.0.1:4566/")
