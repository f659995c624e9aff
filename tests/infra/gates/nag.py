"""Runs the rule packs of cdk-nag."""

from __future__ import annotations

import re
from collections.abc import Iterator

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, NagPack, NIST80053R5Checks

from tests.infra.gates.findings import Finding

_RULE = re.compile(r"([^\[]+)(?:\[(.*)\])?", re.DOTALL)


def packs(environment: str) -> list[NagPack]:
    """AWS Solutions everywhere, and NIST 800-53 Rev. 5 for what holds real data."""
    solutions = AwsSolutionsChecks()
    return [solutions, NIST80053R5Checks()] if environment == "prod" else [solutions]


def findings(app: cdk.App, environment: str) -> set[Finding]:
    """Every finding in a synthesised app, acknowledged or not."""
    return {finding for pack in packs(environment) for finding in _findings(pack, app)}


def _findings(pack: NagPack, app: cdk.App) -> Iterator[Finding]:
    for violation in pack.validate_scope(app).violations:
        matched = _RULE.fullmatch(violation.rule_name)
        assert matched is not None
        for resource in violation.violating_resources:
            assert resource.construct_path is not None
            _, path = resource.construct_path.split("/", 1)
            yield Finding(matched[1], matched[2] or "", path)
