"""The runbook has a part for every alarm."""

from __future__ import annotations

import re

from tests.infra.conftest import PROJECT, Synthesis


def test_every_alarm_has_its_part_in_the_runbook(synthesis: Synthesis) -> None:
    headings = re.findall(r"^## (\w+)$", (PROJECT / "docs/operations.md").read_text(), re.MULTILINE)
    alarms = {
        name
        for document in synthesis.documents.values()
        for logical_id, resource in document["Resources"].items()
        if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for name in headings
        if name in logical_id
    }
    count = sum(
        len(synthesis.resources(kind))
        for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    )

    assert alarms == set(headings)
    assert len(headings) == count
