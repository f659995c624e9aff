"""Runs the rule packs of cdk-nag, and compares what they find with what is acknowledged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, NagPack, NIST80053R5Checks

from stacks.acknowledgments import ACKNOWLEDGED
from stacks.config import EnvironmentConfig
from stacks.pipeline import Pipeline
from tests.infra.conftest import JsonObject, cdk_context

_RULE = re.compile(r"([^\[]+)(?:\[(.*)\])?", re.DOTALL)


@dataclass(frozen=True)
class NagFinding:
    """One rule that one construct breaks; `detail` names the action or resource, if any."""

    rule: str
    detail: str
    path: str
    """Below the stack."""

    @property
    def is_acknowledged(self) -> bool:
        return any(entry.explains(self.rule, self.detail, self.path) for entry in ACKNOWLEDGED)


def packs(environment: str) -> list[NagPack]:
    """AWS Solutions everywhere, and NIST 800-53 Rev. 5 for what holds real data."""
    solutions = AwsSolutionsChecks()
    return [solutions, NIST80053R5Checks()] if environment == "prod" else [solutions]


def find(
    environment: str,
    folder: Path,
    *,
    plant: Callable[[Pipeline], object] | None = None,
    context: JsonObject | None = None,
) -> set[NagFinding]:
    """Every finding in an environment, acknowledged or not, with what `plant` adds to it."""
    app = cdk.App(
        outdir=str(folder),
        context={**(cdk_context() if context is None else context), "environment": environment},
        analytics_reporting=False,
    )
    pipeline = Pipeline.build(app, EnvironmentConfig.from_context(app.node))
    if plant is not None:
        plant(pipeline)
    # References between stacks are settled by the synthesis.
    app.synth()
    return {finding for pack in packs(environment) for finding in _findings(pack, app)}


def _findings(pack: NagPack, app: cdk.App) -> Iterator[NagFinding]:
    for violation in pack.validate_scope(app).violations:
        matched = _RULE.fullmatch(violation.rule_name)
        assert matched is not None
        for resource in violation.violating_resources:
            assert resource.construct_path is not None
            _, path = resource.construct_path.split("/", 1)
            yield NagFinding(matched[1], matched[2] or "", path)
