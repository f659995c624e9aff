"""The trigger, told its settings, on stand-ins for AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lambda_src.step_trigger import handler as trigger
from tests.lambda_src.control_plane import ControlPlane

Handle = Callable[..., list[str]]


@pytest.fixture
def handle(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Calls the trigger, with settings changed; the ids of the messages that have to come again."""

    def call(event: Mapping[str, Any], **changes: Any) -> list[str]:
        deployed = plane.deployed(**changes)
        monkeypatch.setattr(trigger, "_deployed", lambda: deployed)
        reply = trigger.handler(event, None)
        return [failure["itemIdentifier"] for failure in reply["batchItemFailures"]]

    return call
