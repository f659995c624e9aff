"""The lines and events of the documents are what the sources make of them."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import PROJECT_DIR
from tests.sources.reading import events
from tidelake.contract.schema import SOURCES


def examples(name: str) -> list[tuple[str, str, str]]:
    return re.findall(
        r"^```in (\w+)\n(.*?)^```\n^```out\n(.*?)^```$",
        (PROJECT_DIR / "docs" / name).read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )


EXAMPLES = [*examples("ingest.md"), *examples("sources.md")]


@pytest.mark.parametrize("name", ["ingest.md", "sources.md"])
def test_every_source_has_an_example(name: str) -> None:
    assert {source for source, _, _ in examples(name)} == set(SOURCES)


@pytest.mark.parametrize(("source", "lines", "event"), EXAMPLES)
def test_an_example_shows_what_becomes_of_a_line(source: str, lines: str, event: str) -> None:
    (found,) = events(source, *lines.splitlines())
    assert found == json.loads(event)
