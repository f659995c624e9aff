"""The address of the local AWS, and how tools and clients are pointed at it and nowhere else."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import boto3
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.session import Session

from tidelake.contract.errors import NotLoopbackError
from tidelake.local.settings import REGION

ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105  the local AWS takes any key; this one is no secret
_LOOPBACK_HOSTS = "127.0.0.1,localhost,::1"
_FOREIGN_PREFIXES = ("AWS_", "CDK_", "BOTO_", "MINISTACK_", "LOCALSTACK_")


def require_loopback(endpoint: str) -> str:
    """The endpoint, in its plain form, if it is on this machine; raises NotLoopbackError.

    Allowed is http or https on 127.0.0.0/8, localhost or ::1, with or without a port, and nothing
    else: no user, path or query, so that no two parsers can read two different hosts in it.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise NotLoopbackError(endpoint) from None
    if not _is_plain_loopback(parts):
        raise NotLoopbackError(endpoint)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{parts.scheme}://{host}" if port is None else f"{parts.scheme}://{host}:{port}"


def _is_plain_loopback(parts: SplitResult) -> bool:
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return False
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(parts.hostname)).is_loopback
    except ValueError:
        return False


def local_environment(
    endpoint: str, *, base: Mapping[str, str], cdk_home: Path | None = None
) -> dict[str, str]:
    """The environment for a tool that must reach the local AWS and no other.

    `base` (the user's environment) without its AWS and CDK settings, profiles, configuration files
    and endpoints, plus the local ones. The CDK CLI remembers accounts by access key in its home,
    so it gets `cdk_home`, one of its own.
    """
    environment = {k: v for k, v in base.items() if not k.startswith(_FOREIGN_PREFIXES)}
    environment |= {
        "AWS_ENDPOINT_URL": require_loopback(endpoint),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # ~/.aws may name other endpoints, profiles or roles.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name in ("NO_PROXY", "no_proxy"):
        exempt = base.get(name)
        environment[name] = f"{exempt},{_LOOPBACK_HOSTS}" if exempt else _LOOPBACK_HOSTS
    if cdk_home is not None:
        environment["CDK_HOME"] = str(cdk_home)
    return environment


def local_client(service: str, endpoint: str, *, read_timeout_seconds: float = 60) -> Any:
    """A boto3 client of the local AWS, whatever the user's environment and ~/.aws say.

    Connects within 5 s, waits `read_timeout_seconds` for a reply and tries three times.
    Clients are safe to share between threads; making one is not: make them in one thread.
    """
    nothing_from_outside = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    nothing_from_outside["config_file"] = (None, None, os.devnull, None)
    nothing_from_outside["credentials_file"] = (None, None, os.devnull, None)
    session = boto3.session.Session(
        botocore_session=Session(session_vars=nothing_from_outside),
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
    )
    config = Config(
        connect_timeout=5,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"},
        proxies={},
    )
    return session.client(service, endpoint_url=require_loopback(endpoint), config=config)
