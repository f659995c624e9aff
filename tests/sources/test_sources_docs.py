"""The lines and events of docs/sources.md are what the sources make of them."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import PROJECT_DIR
from tests.sources.reading import events
from tidelake.contract.schema import SOURCES

EXAMPLES = re.findall(
    r"^```in (\w+)\n(.*?)^```\n^```out\n(.*?)^```$",
    (PROJECT_DIR / "docs/sources.md").read_text(),
    flags=re.MULTILINE | re.DOTALL,
)


def test_every_source_has_an_example() -> None:
    assert {source for source, _, _ in EXAMPLES} == set(SOURCES)


@pytest.mark.parametrize(("source", "lines", "event"), EXAMPLES)
def test_an_example_shows_what_becomes_of_a_line(source: str, lines: str, event: str) -> None:
    (found,) = events(source, *lines.splitlines())
    assert found == json.loads(event)
