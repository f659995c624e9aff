"""Parts of this project, shipped as assets straight from its folder.

An asset names what it includes; everything else, and what Git ignores, neither enters the zip nor
changes its hash, so an unrelated edit deploys nothing.
"""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

_PROJECT = Path(__file__).resolve().parents[2]
_CONTRACT = ("tidelake/__init__.py", "tidelake/contract")
_FUNCTIONS = ("lambda_src/__init__.py", "lambda_src/telemetry.py")
"""What every function carries of `lambda_src`, besides its own package."""


def function_code(package: str, *shared: str) -> lambda_.Code:
    """The zip of one function: its package below `lambda_src`, those that it shares with others,
    what all have, and the contract."""
    packages = [f"lambda_src/{name}" for name in (package, *shared)]
    return lambda_.Code.from_asset(
        str(_PROJECT),
        exclude=_all_but(*_CONTRACT, *_FUNCTIONS, *packages),
        ignore_mode=cdk.IgnoreMode.GIT,
    )


def spark_shared_code(scope: Construct, construct_id: str) -> assets.Asset:
    """The zip that Spark jobs import from: `spark_jobs`, and the contract."""
    return _asset(scope, construct_id, *_CONTRACT, "spark_jobs")


def client_code(scope: Construct, construct_id: str) -> assets.Asset:
    """The zip of the producer and consumer client, its sources, and the contract."""
    return _asset(scope, construct_id, *_CONTRACT, "tidelake/client", "tidelake/sources")


def spark_job(scope: Construct, construct_id: str, module: str) -> assets.Asset:
    """The script that `spark-submit` starts."""
    return assets.Asset(scope, construct_id, path=str(_PROJECT / "spark_jobs" / f"{module}.py"))


def _asset(scope: Construct, construct_id: str, *included: str) -> assets.Asset:
    return assets.Asset(
        scope,
        construct_id,
        path=str(_PROJECT),
        exclude=_all_but(*included),
        ignore_mode=cdk.IgnoreMode.GIT,
    )


def _all_but(*included: str) -> list[str]:
    """Git-ignore patterns that leave only `included`, without compiled Python.

    Git looks into no folder that is ignored: each parent is let in, then its content shut out.
    """
    patterns = ["/*"]
    for path in included:
        for parent in reversed(Path(path).parents[:-1]):
            opened = [f"!/{parent}", f"/{parent}/*"]
            patterns += [pattern for pattern in opened if pattern not in patterns]
        patterns.append(f"!/{path}")
    return [*patterns, "__pycache__", "*.pyc"]
