"""The configurations that the gates look at: every option, and every two of them together.

cfn-lint, cdk-nag and checkov over them are in files of their own.
"""

from __future__ import annotations

import pytest

from stacks.config import EnvironmentConfig
from stacks.metric_gate import find_dead_metrics
from stacks.options import Option, options_of
from tests.infra.gates import iam
from tests.infra.gates.apps import SynthesizedApp
from tests.infra.gates.configurations import (
    FLIPS,
    Changes,
    agree,
    configurations,
    described,
    flipped_options,
    nested,
    pairs,
)
from tests.infra.gates.conftest import APPS

OPTIONS = {option.key: option for option in options_of(EnvironmentConfig)}


@pytest.mark.parametrize("name", APPS)
def test_every_metric_is_published_and_every_policy_clean(
    name: str, gated: dict[str, SynthesizedApp]
) -> None:
    documents = gated[name].documents
    assert find_dead_metrics(documents) == [], described(name)
    assert iam.findings(documents) == [], described(name)


@pytest.mark.parametrize("key", OPTIONS)
def test_an_option_is_flipped(key: str) -> None:
    assert key in flipped_options(), "give it a row in FLIPS"


@pytest.mark.parametrize("changes", [changes for row in FLIPS for changes in row], ids=str)
def test_a_change_is_allowed_and_differs_from_the_default(changes: Changes) -> None:
    assert agree(changes)
    for key, value in changes.items():
        assert value != listed_default(OPTIONS[key])


def listed_default(option: Option) -> object:
    return list(option.default) if isinstance(option.default, tuple) else option.default


def test_every_two_changes_that_agree_are_made_together() -> None:
    together = list(configurations().values())
    missing = [
        (first, second)
        for (_, first), (_, second) in pairs()
        if agree(first, second) and not any(holds(c, first) and holds(c, second) for c in together)
    ]
    assert missing == []


def holds(configuration: Changes, changes: Changes) -> bool:
    return all(
        configuration.get(section) == value
        if not isinstance(value, dict)
        else value.items() <= configuration.get(section, {}).items()
        for section, value in nested(changes).items()
    )


def test_two_changes_that_do_not_agree_are_told_apart_by_the_configuration_itself() -> None:
    refused = [{*first, *second} for (_, first), (_, second) in pairs() if not agree(first, second)]
    assert {"cluster.capacity", "cluster.scaling"} in refused
    assert {"network.vpc_id", "network.subnet_ids", "network.flow_log_days"} in refused
