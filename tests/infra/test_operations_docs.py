"""The runbook has a part for every alarm, and none for an alarm that is not there."""

from __future__ import annotations

import re

from tests.infra.conftest import PROJECT, Configured, Synthesis


def alarm_names(synthesis: Synthesis) -> set[str]:
    """The alarms' names as the stack gives them: the ids of their constructs."""
    return {
        re.sub(r"^Watch|[0-9A-F]{8}$", "", logical_id)
        for document in synthesis.documents.values()
        for logical_id, resource in document["Resources"].items()
        if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    }


def parts() -> list[str]:
    return re.findall(r"^## (\w+)$", (PROJECT / "docs/operations.md").read_text(), re.MULTILINE)


def test_every_alarm_has_its_part_in_the_runbook(synthesis: Synthesis) -> None:
    assert alarm_names(synthesis) - set(parts()) == set()


def test_every_part_of_the_runbook_has_its_alarm(configured: Configured) -> None:
    with_every_part = configured(delivery={"transform": True}, consumer_function={"enabled": True})
    assert sorted(parts()) == sorted(alarm_names(with_every_part))
