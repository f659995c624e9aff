"""Events as AWS sends them; the payloads follow the examples of AWS's user guides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JsonObject = dict[str, Any]
LoadEvent = Callable[[str], JsonObject]


@pytest.fixture
def load_event() -> LoadEvent:
    """A fresh copy of the recorded event of that name."""

    def load(name: str) -> JsonObject:
        path = Path(__file__).parent / "events" / f"{name}.json"
        event: JsonObject = json.loads(path.read_text())
        return event

    return load
